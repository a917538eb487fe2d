"""Publishing: what was run dry, whole, or nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.web_desk import ROUNDS, WebDesk

from fedota_proto.errors import ConflictError, FolderError, ProblemFileError
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.permissions import Actor


def test_a_published_problem_is_a_folder_that_can_be_served(desk: WebDesk, setter: Actor) -> None:
    published = desk.published(setter)

    folder = desk.folder(published)
    assert folder.problem() == desk.problems.draft(setter, published).problem
    identity = folder.existing_identity()
    assert identity is not None
    assert identity.problem_id == published
    assert folder.manifest() is not None
    folder.refuse_if_changed()
    keys = folder.existing_keys()
    assert keys is not None
    assert (keys.selector(1) / "cert.pem").exists()
    assert json.loads((folder.state / "begun.json").read_text())["model_sha256"]
    assert len(folder.ports(2).selectors) == 2
    row = desk.row(published)
    assert (row.status, row.wanted, row.rounds) == ("ready", "stopped", 5)
    assert row.published_unix_s == desk.clock()


def test_without_a_dry_run_of_exactly_this_content_nothing_is_published(
    desk: WebDesk, setter: Actor
) -> None:
    draft = desk.finished(setter)
    changes: list[Callable[[], None]] = [
        lambda: desk.problems.set_about(setter, draft, "Relapse", "Another description."),
        lambda: desk.problems.set_rounds(setter, draft, {**ROUNDS, "rounds": 6}),
        lambda: desk.problems.set_training(setter, draft, {"seed": 1}),
        lambda: desk.problems.set_strategy(setter, draft, "FedMedian", {}),
    ]
    for change in changes:
        desk.run_dry(draft)
        assert desk.problems.draft(setter, draft).publishable
        change()
        assert not desk.problems.draft(setter, draft).dry_run_passed
        with pytest.raises(ConflictError, match="run it dry"):
            desk.problems.publish(setter, draft)

    desk.run_dry(draft)
    desk.problems.publish(setter, draft)
    with pytest.raises(ConflictError, match="it must be draft"):
        desk.problems.publish(setter, draft)


def test_the_same_content_as_was_run_dry_may_come_back(desk: WebDesk, setter: Actor) -> None:
    draft = desk.finished(setter)
    desk.problems.set_rounds(setter, draft, {**ROUNDS, "rounds": 6})

    desk.problems.set_rounds(setter, draft, ROUNDS)

    assert desk.problems.draft(setter, draft).publishable


def test_an_unfinished_draft_is_neither_run_dry_nor_published(desk: WebDesk, setter: Actor) -> None:
    draft = desk.filled(setter)
    for call in (desk.problems.dry_run, desk.problems.publish):
        with pytest.raises(ProblemFileError) as caught:
            call(setter, draft)
        assert len(caught.value.mistakes) == 1
        assert "Upload the model" in caught.value.mistakes[0]


def test_a_failure_leaves_a_draft(
    desk: WebDesk, setter: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = desk.finished(setter)

    def full(self: ProblemFolder) -> None:
        raise FolderError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(ProblemFolder, "note_beginning", full)
        with pytest.raises(FolderError):
            desk.problems.publish(setter, draft)
    assert desk.row(draft).status == "draft"
    assert desk.problems.draft(setter, draft).publishable

    desk.problems.publish(setter, draft)
    assert desk.row(draft).status == "ready"


def test_a_model_that_was_changed_on_disk_is_not_published(desk: WebDesk, setter: Actor) -> None:
    draft = desk.finished(setter)
    (desk.folder(draft).folder / "model.keras").write_bytes(b"another")

    with pytest.raises(ConflictError, match="upload it again"):
        desk.problems.publish(setter, draft)


def test_a_dry_run_under_way_is_not_started_twice(desk: WebDesk, setter: Actor) -> None:
    draft = desk.finished(setter)

    first = desk.problems.dry_run(setter, draft)

    assert desk.problems.dry_run(setter, draft) == first
    desk.problems.set_rounds(setter, draft, {**ROUNDS, "rounds": 6})
    assert desk.problems.dry_run(setter, draft) != first


def test_no_two_problems_keep_the_same_port(desk: WebDesk, setter: Actor) -> None:
    drafts = [desk.finished(setter) for _ in range(4)]
    together = threading.Barrier(4)

    def publish(draft: str) -> None:
        together.wait(timeout=10)
        desk.problems.publish(setter, draft)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, drafts))
    for draft in drafts:
        desk.problems.scale(setter, draft, 3)

    kept = [port for draft in drafts for port in desk.folder(draft).ports(3).all]
    assert len(kept) == len(set(kept)) == 4 * 5
