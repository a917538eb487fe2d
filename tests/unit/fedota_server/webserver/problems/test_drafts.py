"""A draft, step by step."""

from __future__ import annotations

from typing import Any

import pytest
from support.web_desk import DATA, ROUNDS, TEST_TABLE, WebDesk

from fedota_proto.errors import ConflictError, DataError, ProblemFileError, UsageError
from fedota_proto.problem import parse_problem
from fedota_server.webserver.permissions import Actor, Role


def mistakes(call: Any, *arguments: Any) -> tuple[str, ...]:
    with pytest.raises(ProblemFileError) as caught:
        call(*arguments)
    return caught.value.mistakes


def test_a_new_draft_says_what_each_step_still_needs(desk: WebDesk, setter: Actor) -> None:
    draft = desk.problems.draft(setter, desk.problems.create(setter, "  Relapse "))

    assert draft.title == "Relapse"
    assert {step.name: step.state for step in draft.steps} == {
        "about": "done",
        "model": "empty",
        "data": "empty",
        "strategy": "empty",
        "rounds": "empty",
        "who": "done",
    }
    assert all(step.mistakes for step in draft.steps if not step.done)
    assert not draft.publishable


def test_a_filled_draft_is_the_problem_toml_that_it_shows(desk: WebDesk, setter: Actor) -> None:
    draft = desk.problems.draft(setter, desk.filled(setter))

    problem = parse_problem(draft.toml)
    assert problem == draft.problem
    assert (problem.title, problem.setter) == ("Relapse", "Sara")
    assert [column.name for column in problem.data.columns] == [  # type: ignore[union-attr]
        "age", "bmi", "smoker", "stage", "relapse"
    ]  # fmt: skip
    assert [step.name for step in draft.steps if not step.done] == ["model"]


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        ("rounds", {**ROUNDS, "goal_count": 1}, "[rounds] goal_count: must be a whole number"),
        ("rounds", {**ROUNDS, "goal_count": 2}, "[rounds] goal_count: is 2, below minimum_reports"),
        ("rounds", {**ROUNDS, "goal": 3}, "[rounds] goal: is unknown"),
        ("training", {"batch_size": 0}, "[training] batch_size: must be a whole number"),
        ("privacy", {"clipping_norm": -1}, "[privacy] clipping_norm: must be a number"),
        ("data", {**DATA, "columns": []}, "[data] columns: is missing"),
        ("data", {**DATA, "kind": object()}, "neither a text, a number"),
    ],
)
def test_a_step_with_mistakes_is_refused_and_the_one_before_it_stays(
    plain_desk: WebDesk, section: str, values: dict[str, Any], said: str
) -> None:
    desk, setter = plain_desk, plain_desk.person("Sara", Role.SETTER)
    draft = desk.filled(setter)
    before = desk.problems.draft(setter, draft).toml

    found = mistakes(getattr(desk.problems, f"set_{section}"), setter, draft, values)

    assert any(said in mistake for mistake in found), found
    assert desk.problems.draft(setter, draft).toml == before


def test_all_mistakes_of_a_step_are_told_at_once(plain_desk: WebDesk) -> None:
    desk, setter = plain_desk, plain_desk.person("Sara", Role.SETTER)
    draft = desk.problems.create(setter, "Relapse")

    found = mistakes(desk.problems.set_rounds, setter, draft, {"rounds": 0, "goal_count": "x"})

    assert [mistake.split(":")[0] for mistake in found] == [
        "[rounds] rounds",
        "[rounds] goal_count",
        "[rounds] reporting_deadline_s",
    ]


def test_steps_that_do_not_fit_together_are_saved_and_said(desk: WebDesk, setter: Actor) -> None:
    draft = desk.filled(setter)

    desk.problems.set_strategy(setter, draft, "Krum", {"num_malicious_nodes": 2})

    step = desk.problems.draft(setter, draft).step("strategy")
    assert step.state == "wrong"
    assert "minimum_reports is 3" in step.mistakes[0]


def test_a_step_is_taken_back_with_none(desk: WebDesk, setter: Actor) -> None:
    draft = desk.filled(setter)
    noise = {"clipping_norm": 1.0, "noise_multiplier": 0.5}
    desk.problems.set_privacy(setter, draft, noise)
    assert desk.problems.draft(setter, draft).privacy == noise

    desk.problems.set_privacy(setter, draft, None)

    assert desk.problems.draft(setter, draft).privacy == {}


@pytest.mark.parametrize("title", ["", "  ", "a\x1b[31m", "x" * 201])
def test_titles_that_no_terminal_can_show_are_refused(plain_desk: WebDesk, title: str) -> None:
    desk, setter = plain_desk, plain_desk.person("Sara", Role.SETTER)
    assert mistakes(desk.problems.create, setter, title)[0].startswith("[problem] title")


def test_html_in_title_and_description_stays_text(desk: WebDesk, setter: Actor) -> None:
    draft = desk.problems.create(setter, "<script>alert(1)</script>")
    desk.problems.set_about(setter, draft, "<b>Bold</b>", "<img src=x onerror=alert(1)> **so**")

    shown = desk.problems.draft(setter, draft)

    assert (shown.title, shown.step("about").state) == ("<b>Bold</b>", "done")
    assert shown.description == "<img src=x onerror=alert(1)> **so**"
    (card,) = desk.problems.own(setter).items
    assert card.summary == "so"


def test_data_come_from_toml_or_from_a_sample(desk: WebDesk, setter: Actor) -> None:
    draft = desk.problems.create(setter, "Relapse")

    proposed = desk.problems.propose_data(setter, draft, desk.upload(TEST_TABLE), "smoker")
    desk.problems.set_data(setter, draft, proposed)

    names = [column["name"] for column in desk.problems.draft(setter, draft).data["columns"]]
    assert names == ["age", "bmi", "smoker", "stage", "relapse"]
    assert [column["name"] for column in proposed["columns"] if column.get("target")] == ["smoker"]
    with pytest.raises(UsageError, match="no column mood"):
        desk.problems.propose_data(setter, draft, desk.upload(TEST_TABLE), "mood")
    with pytest.raises(DataError):
        desk.problems.propose_data(setter, draft, desk.upload("just text"))

    text = desk.problems.format_toml(setter, desk.filled(setter))
    desk.problems.set_data_toml(setter, draft, text)
    assert desk.problems.draft(setter, draft).data == DATA
    assert mistakes(desk.problems.set_data_toml, setter, draft, "[rounds]\nrounds = 1")
    assert "is not TOML" in mistakes(desk.problems.set_data_toml, setter, draft, "[data\n")[0]


def test_a_whole_problem_toml_is_taken_over_or_not_at_all(desk: WebDesk, setter: Actor) -> None:
    text = desk.problems.draft(setter, desk.filled(setter)).toml
    draft = desk.problems.create(setter, "Empty")

    desk.problems.import_toml(setter, draft, text.replace('"model.keras"', '"other.keras"'))

    taken = desk.problems.draft(setter, draft)
    assert taken.toml == text
    found = mistakes(
        desk.problems.import_toml, setter, draft, text.replace("goal_count = 3", "goal_count = 0")
    )
    assert found[0].startswith("[rounds] goal_count")
    assert mistakes(desk.problems.import_toml, setter, draft, "[colour]\nred = 1\n")
    assert desk.problems.draft(setter, draft).toml == text


def test_a_copy_is_a_draft_of_ones_own_with_the_model(desk: WebDesk, setter: Actor) -> None:
    published = desk.published(setter)
    desk.set_status(published, "running")

    copied = desk.problems.copy(setter, published)

    draft = desk.problems.draft(setter, copied)
    assert (draft.status, draft.title) == ("draft", "Relapse (copy)")
    assert draft.complete
    assert not draft.dry_run_passed
    desk.run_dry(copied)
    desk.problems.publish(setter, copied)
    old, new = desk.folder(published), desk.folder(copied)
    assert old.model_sha256() == new.model_sha256()
    assert old.keys_folder.joinpath("ca.pem").exists()
    assert old.ports(2).all.isdisjoint(new.ports(2).all)


def test_a_draft_is_thrown_away_with_its_files_and_a_problem_is_not(
    desk: WebDesk, setter: Actor
) -> None:
    draft, published = desk.finished(setter), desk.published(setter)
    desk.problems.dry_run(setter, draft)

    desk.problems.delete_draft(setter, draft)

    assert not desk.folder(draft).folder.exists()
    assert [card.problem_id for card in desk.problems.own(setter).items] == [published]
    with pytest.raises(ConflictError, match="it must be draft"):
        desk.problems.delete_draft(setter, published)
    assert desk.folder(published).folder.exists()


def test_what_is_published_is_not_edited(desk: WebDesk, setter: Actor) -> None:
    published = desk.published(setter)

    for call in (
        lambda: desk.problems.set_about(setter, published, "New", ""),
        lambda: desk.problems.set_rounds(setter, published, ROUNDS),
        lambda: desk.problems.take_model(setter, published, desk.model(), "m.keras"),
        lambda: desk.problems.set_admission(setter, published, "approval"),
        lambda: desk.problems.dry_run(setter, published),
    ):
        with pytest.raises(ConflictError, match="it must be draft"):
            call()


def test_every_change_says_who_made_it(desk: WebDesk, setter: Actor) -> None:
    admin = desk.person("Ada", Role.ADMIN)
    draft = desk.problems.create(setter, "Relapse")

    desk.problems.set_rounds(admin, draft, ROUNDS)

    assert desk.audit(draft) == [("Sara", "create a problem"), ("Ada", "edit a problem")]
    assert desk.problems.changes(setter, draft)[0].detail == "[rounds]"


def test_wrong_admissions_and_numbers_of_selectors_are_refused(plain_desk: WebDesk) -> None:
    desk, setter = plain_desk, plain_desk.person("Sara", Role.SETTER)
    draft = desk.problems.create(setter, "Relapse")

    with pytest.raises(UsageError):
        desk.problems.set_admission(setter, draft, "friends")
    for selectors in (0, 101):
        with pytest.raises(UsageError):
            desk.problems.set_selectors(setter, draft, selectors)
