"""What the owner is told before anything runs, and how the answer is kept."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from fedota_client.consent import (
    Basis,
    Choices,
    Terms,
    app_terms,
    ask,
    keras_terms,
    problem_basis,
)
from fedota_client.home import ClientHome
from fedota_client.shared_metrics import ShareMetrics
from fedota_proto.data_format import Column, DataFormat, ImagesFormat
from fedota_proto.errors import UsageError
from fedota_proto.invite import Invite
from fedota_proto.manifest import Manifest, ManifestArray
from fedota_proto.model_config import LayerSummary
from fedota_proto.privacy_rules import PrivacyRules
from fedota_proto.problem import parse_problem

PROBLEM = """
[problem]
title = "Tumours"
description = "Benign or malignant."
model = "model.keras"

[strategy]
name = "{strategy}"

[rounds]
rounds = 20
goal_count = 9
minimum_reports = 7
selection_timeout_s = 60
reporting_deadline_s = 60

[training]
local_epochs = 3
batch_size = 16

[data]
kind = "table"
minimum_examples = 10

[[data.columns]]
name = "radius"
type = "number"

[[data.columns]]
name = "malignant"
type = "boolean"
target = true
"""

INVITE = Invite(
    problem_id="abcdef123456",
    title="Tumours",
    node_id=7,
    name="clinic",
    expires_unix_s=0.0,
    ca_pem="",
    receipt_public_key=b"",
    invite_public_key=b"",
    selectors=(("fl.example.org:7443", "selector-1.abcdef123456.fedota"),),
    webserver="fl.example.org:8443",
)


def terms(
    strategy: str = "FedAvg", *, setter: str = "", data: DataFormat | None = None, **chosen: Any
) -> Terms:
    manifest = Manifest(
        arrays=(
            ManifestArray("layers/dense/vars/0", "float32", (30, 8)),
            ManifestArray("layers/dense/vars/1", "float32", (8,)),
        ),
        loss="binary_crossentropy",
        metrics=("loss", "accuracy"),
    )
    problem = parse_problem(PROBLEM.format(strategy=strategy))
    return keras_terms(
        INVITE,
        dataclasses.replace(problem, setter=setter, data=data or problem.data),
        manifest,
        Choices("/data/clinic", **chosen),
        layers=(LayerSummary("dense", "Dense"), LayerSummary("drop_a", "Dropout")),
        model_sha256="ab" * 32,
        model_bytes=20_480,
    )


BASIS = Basis(model="m", data="d", rules="r", choices="c")


def test_it_says_what_runs_what_leaves_where_to_and_for_how_long() -> None:
    text = terms().text()
    assert "“Tumours” (abcdef123456) as clinic" in text
    assert "on the tables in /data/clinic: 3 epochs a round, 16 examples a step" in text
    assert "20% of the examples are never trained on" in text
    assert "dense   Dense" in text
    assert "drop_a  Dropout" in text
    assert "1.2 kB a round" in text
    assert "In 20 rounds about 25.0 kB; a round that is abandoned" in text
    assert "num-examples, loss, accuracy" in text
    assert "layers/dense/vars/0  float32  30×8" in text
    assert "selector fl.example.org:7443 (selector-1.abcdef123456.fedota)" in text
    assert "webserver fl.example.org:8443" in text
    assert "until the problem's 20 rounds are done" in text
    assert "No example leaves" in text


def test_it_names_the_labels_beside_pictures() -> None:
    pictures = ImagesFormat(10, ("a", "b"), 8, 8, 1)
    assert "on the pictures in /data/clinic: 3" in terms(data=pictures).text()
    labelled = ImagesFormat(10, (), 8, 8, 1, targets=(Column("size", "number", target=True),))
    assert "on the pictures and their labels in /data/clinic: 3" in terms(data=labelled).text()


def test_it_says_who_can_see_a_single_update() -> None:
    assert "can be seen by its selector alone." in terms("FedAvg").text()
    assert "can be seen by its selector and the coordinator." in terms("FedMedian").text()
    assert "everyone who gets the model" in terms("Krum").text()


def test_the_wanted_rounds_are_told() -> None:
    text = terms(rounds_wanted=5).text()
    assert "5 counted rounds (--rounds)" in text
    assert "In 5 rounds about" in text


def test_it_says_who_asks_and_what_for() -> None:
    text = terms(setter="Institute of Oncology").text()
    assert "Who asks\n  Institute of Oncology\n  Benign or malignant.\n" in text
    assert "The problem names no setter" in terms().text()


def test_it_says_how_exactly_numbers_are_told() -> None:
    coarse = terms(share=ShareMetrics.COARSE).text()
    assert "number of examples is told to two digits" in coarse
    assert "after each round" in coarse
    none = terms(share=ShareMetrics.NONE).text()
    assert "only num-examples is told" in none
    assert "by nobody (no evaluation)" in none


def test_it_says_what_noise_protects() -> None:
    text = terms(noise=PrivacyRules(0.5, 1.5)).text()
    assert "clipped to the norm 0.5 and gets Gaussian noise of 1.5 times that" in text
    assert "An update costs ε = 6.60, all " in text
    assert "Noise protects the arrays, not the numbers beside them." in text


def test_many_arrays_are_not_all_shown() -> None:
    many = dataclasses.replace(terms(), arrays=tuple(f"w{n}  float32  2" for n in range(100)))
    assert "… and 60 more" in many.text()


def test_an_apps_terms_say_that_its_own_code_runs() -> None:
    text = app_terms(INVITE, "/apps/quickstart").text()
    assert "The Flower app in /apps/quickstart, which you installed" in text
    assert "Fedota brought none of it" in text
    assert "until the app has ended" in text


class Owner:
    """Reads, and answers one question."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.read: list[str] = []
        self.asked: list[str] = []

    def confirm(self, question: str) -> bool:
        self.asked.append(question)
        return self.answer

    def ask(
        self, home: ClientHome, basis: Basis = BASIS, *, yes: bool = False, terminal: bool = True
    ) -> bool:
        return ask(
            terms(),
            basis,
            home,
            yes=yes,
            write=self.read.append,
            confirm=self.confirm if terminal else None,
        )


def test_consent_is_kept_with_what_was_shown(tmp_path: Path) -> None:
    owner, home = Owner(True), ClientHome(tmp_path)
    assert owner.ask(home)
    assert owner.read == [terms().text()]
    assert owner.asked == ["Do you agree?"]
    kept = json.loads((tmp_path / "consent.json").read_text())
    assert kept["shown"] == terms().text()
    assert kept["basis"] == {"model": "m", "data": "d", "rules": "r", "choices": "c"}
    assert kept["given_by"] == "terminal"


def test_what_was_agreed_to_is_not_asked_again(tmp_path: Path) -> None:
    owner, home = Owner(True), ClientHome(tmp_path)
    owner.ask(home)
    assert owner.ask(home, terminal=False)
    assert len(owner.asked) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model", "the model's configuration."),
        ("data", "the data format."),
        ("rules", "strategy, round rules, training or noise."),
        ("choices", "your own options."),
    ],
)
def test_what_changed_is_asked_again_and_named(tmp_path: Path, name: str, words: str) -> None:
    owner, home = Owner(True), ClientHome(tmp_path)
    owner.ask(home)
    changed = dataclasses.replace(BASIS, **{name: "other"})
    assert owner.ask(home, changed)
    assert len(owner.asked) == 2
    assert owner.read[-1].endswith(f"since then this has changed: {words}")


def test_a_damaged_answer_is_none(tmp_path: Path) -> None:
    owner, home = Owner(True), ClientHome(tmp_path)
    (tmp_path / "consent.json").write_text('{"basis": {"model": "m"}}')
    owner.ask(home)
    assert owner.asked == ["Do you agree?"]


def test_a_no_is_a_no(tmp_path: Path) -> None:
    owner, home = Owner(False), ClientHome(tmp_path)
    assert not owner.ask(home)
    assert home.consented() is None


def test_yes_shows_the_terms_and_does_not_ask(tmp_path: Path) -> None:
    owner, home = Owner(False), ClientHome(tmp_path)
    assert owner.ask(home, yes=True, terminal=False)
    assert owner.read == [terms().text()]
    assert owner.asked == []


def test_without_terminal_and_yes_it_shows_the_same_and_fails(tmp_path: Path) -> None:
    owner, home = Owner(True), ClientHome(tmp_path)
    with pytest.raises(UsageError, match="--yes") as failed:
        owner.ask(home, terminal=False)
    assert failed.value.exit_code == 2
    assert owner.read == [terms().text()]
    assert home.consented() is None


def model_file(path: Path, config: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
    return path


def test_the_basis_is_the_content_and_not_its_layout(tmp_path: Path) -> None:
    model = model_file(tmp_path / "model.keras", "{}")
    text = PROBLEM.format(strategy="FedAvg")
    basis = problem_basis(text, model, {"data": "/d"})
    assert problem_basis("# a comment\n" + text, model, {"data": "/d"}) == basis
    retitled = text.replace('"Tumours"', '"Other"')
    assert problem_basis(retitled, model, {"data": "/d"}) == basis


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('name = "radius"', 'name = "size"', ["the data format"]),
        ("goal_count = 9", "goal_count = 8", ["strategy, round rules, training or noise"]),
        ("local_epochs = 3", "local_epochs = 4", ["strategy, round rules, training or noise"]),
    ],
)
def test_a_changed_problem_changes_its_basis(
    tmp_path: Path, before: str, after: str, words: list[str]
) -> None:
    model = model_file(tmp_path / "model.keras", "{}")
    text = PROBLEM.format(strategy="FedAvg")
    first = problem_basis(text, model, {})
    assert problem_basis(text.replace(before, after), model, {}).changed(first) == words


def test_another_model_changes_the_basis(tmp_path: Path) -> None:
    text = PROBLEM.format(strategy="FedAvg")
    first = problem_basis(text, model_file(tmp_path / "a.keras", "{}"), {})
    other = problem_basis(text, model_file(tmp_path / "b.keras", '{"loss": 1}'), {})
    assert other.changed(first) == ["the model's configuration"]
