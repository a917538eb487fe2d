"""What the owner is told before anything runs, and how the answer is kept."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from fedota_client.consent import Terms, app_terms, ask, keras_terms
from fedota_client.home import ClientHome
from fedota_proto.errors import UsageError
from fedota_proto.invite import Invite
from fedota_proto.manifest import Manifest, ManifestArray
from fedota_proto.model_config import LayerSummary
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


def terms(strategy: str = "FedAvg", *, rounds_wanted: int = 0) -> Terms:
    manifest = Manifest(
        arrays=(
            ManifestArray("layers/dense/vars/0", "float32", (30, 8)),
            ManifestArray("layers/dense/vars/1", "float32", (8,)),
        ),
        loss="binary_crossentropy",
        metrics=("loss", "accuracy"),
    )
    return keras_terms(
        INVITE,
        parse_problem(PROBLEM.format(strategy=strategy)),
        manifest,
        layers=(LayerSummary("dense", "Dense"), LayerSummary("drop_a", "Dropout")),
        model_sha256="ab" * 32,
        model_bytes=20_480,
        data="/data/clinic",
        rounds_wanted=rounds_wanted,
    )


def test_it_says_what_runs_what_leaves_where_to_and_for_how_long() -> None:
    text = terms().text()
    assert "“Tumours” (abcdef123456) as clinic" in text
    assert "on the tables in /data/clinic: 3 epochs a round, 16 examples a step" in text
    assert "20% of the examples are never trained on" in text
    assert "dense   Dense" in text
    assert "drop_a  Dropout" in text
    assert "1.2 kB a round" in text
    assert "num-examples, loss, accuracy" in text
    assert "layers/dense/vars/0  float32  30×8" in text
    assert "selector fl.example.org:7443 (selector-1.abcdef123456.fedota)" in text
    assert "webserver fl.example.org:8443" in text
    assert "until the problem's 20 rounds are done" in text
    assert "No example leaves" in text


def test_it_says_who_can_see_a_single_update() -> None:
    assert "can be seen by its selector alone." in terms("FedAvg").text()
    assert "can be seen by its selector and the coordinator." in terms("FedMedian").text()
    assert "everyone who gets the model" in terms("Krum").text()


def test_the_wanted_rounds_are_told() -> None:
    assert "5 counted rounds (--rounds)" in terms(rounds_wanted=5).text()


def test_many_arrays_are_not_all_shown_but_all_agreed_to() -> None:
    many = dataclasses.replace(terms(), arrays=tuple(f"w{n}  float32  2" for n in range(100)))
    assert "… and 60 more" in many.text()
    other = dataclasses.replace(many, arrays=(*many.arrays[:-1], "w99  float32  3"))
    assert other.sha256 != many.sha256


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

    def ask(self, home: ClientHome, agreed: Terms, *, yes: bool, terminal: bool) -> bool:
        return ask(
            agreed, home, yes=yes, terminal=terminal, write=self.read.append, confirm=self.confirm
        )


def test_consent_is_kept_with_what_was_shown(tmp_path: Path) -> None:
    owner, home = Owner(True), ClientHome(tmp_path)
    assert owner.ask(home, terms(), yes=False, terminal=True)
    assert owner.read == [terms().text()]
    assert owner.asked == ["Do you agree?"]
    kept = json.loads((tmp_path / "consent.json").read_text())
    assert kept["shown"] == terms().text()
    assert kept["sha256"] == terms().sha256
    assert kept["given_by"] == "terminal"


def test_the_same_terms_are_not_asked_again_and_others_are(tmp_path: Path) -> None:
    owner, home = Owner(True), ClientHome(tmp_path)
    owner.ask(home, terms(), yes=False, terminal=True)
    assert owner.ask(home, terms(), yes=False, terminal=False)
    assert len(owner.read) == 1
    moved = dataclasses.replace(terms(), goes_to=("selector elsewhere:1",))
    assert owner.ask(home, moved, yes=False, terminal=True)
    assert len(owner.read) == 1
    owner.ask(home, terms("Krum"), yes=False, terminal=True)
    assert len(owner.read) == 2


def test_a_no_is_a_no(tmp_path: Path) -> None:
    owner, home = Owner(False), ClientHome(tmp_path)
    assert not owner.ask(home, terms(), yes=False, terminal=True)
    assert home.consented() == ""


def test_yes_shows_the_terms_and_does_not_ask(tmp_path: Path) -> None:
    owner, home = Owner(False), ClientHome(tmp_path)
    assert owner.ask(home, terms(), yes=True, terminal=False)
    assert owner.read == [terms().text()]
    assert owner.asked == []


def test_without_terminal_and_yes_it_shows_the_same_and_fails(tmp_path: Path) -> None:
    owner, home = Owner(True), ClientHome(tmp_path)
    with pytest.raises(UsageError, match="--yes") as failed:
        owner.ask(home, terms(), yes=False, terminal=False)
    assert failed.value.exit_code == 2
    assert owner.read == [terms().text()]
    assert home.consented() == ""
