"""A setter publishes a problem from a notebook, by the calls that USAGE.md shows."""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.api import TOML, ApiLab, opened_api, published
from support.asgi import TestClient
from support.keras_file import KerasFile

USAGE = Path(__file__).parents[4] / "USAGE.md"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ApiLab]:
    with opened_api(tmp_path / "home") as lab:
        yield lab


def test_usage_shows_calls_that_work(
    lab: ApiLab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", USAGE.read_text(), re.DOTALL)
    (tmp_path / "problem.toml").write_text(TOML)
    KerasFile(tmp_path).write().rename(tmp_path / "model.keras")
    monkeypatch.chdir(tmp_path)

    def client(*, base_url: str, headers: dict[str, str], timeout: float) -> TestClient:
        assert base_url.endswith("/api/v1")
        assert timeout >= 60
        lab.client.headers.update(headers)
        return lab.client

    monkeypatch.setattr("httpx.Client", client)
    monkeypatch.setattr("time.sleep", lambda _: lab.work_off())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a notebook may leave files open
        exec(compile(program, "USAGE.md", "exec"), {"token": lab.tokens["Sara"]})  # noqa: S102
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("The model is fine")
    assert said[1:] == ["The dry run passed.", "ready []"]
    (card,) = lab.get("Mia", "/problems")["items"]
    assert (card["title"], card["wanted"], card["admission"]) == ("Relapse", "serving", "anyone")
    shown = lab.get("Mia", f"/problems/{card['problem_id']}")
    assert shown["leaves"]["arrays"] == 4
    assert "problem" not in shown


def test_a_data_holder_joins_and_takes_the_invite(lab: ApiLab, tmp_path: Path) -> None:
    problem = published(lab, tmp_path)
    assert lab.answer("Hans", "POST", f"{problem}/join")["state"] == "approved"
    client = lab.answer("Hans", "POST", f"{problem}/clients", json={"name": "north"})
    invite = lab.ask("Hans", "GET", f"{problem}/clients/{client['node_id']}/invite")
    assert invite.headers["Content-Type"].startswith("text/plain")
    assert invite.headers["Cache-Control"] == "no-store"
    assert invite.text.strip()
    (member,) = lab.get("Sara", f"{problem}/members")["items"]
    assert member["membership"]["email"] == "hans@example.org"
    assert member["clients"][0]["name"] == "north"
    assert lab.get("Hans", "/memberships")["total"] == 1
    assert lab.get("Hans", f"{problem}/my-part")["counted"] == 0
    lab.answer("Hans", "POST", f"{problem}/leave")
    assert lab.get("Hans", f"{problem}/clients")[0]["state"] == "left"


def test_a_setter_decides_who_joins(lab: ApiLab, tmp_path: Path) -> None:
    problem = published(lab, tmp_path, admission="approval")
    asked = lab.answer("Hans", "POST", f"{problem}/join", json={"note": "Clinic North"})
    lab.answer("Mia", "POST", f"{problem}/join")
    lab.answer("Mia", "POST", f"{problem}/withdraw")
    (request,) = lab.get("Sara", "/requests")["items"]
    assert (request["note"], request["user_id"]) == ("Clinic North", asked["user_id"])
    decide = f"{problem}/memberships/{asked['user_id']}/decide"
    assert lab.answer("Sara", "POST", decide, json={"approve": True})["state"] == "approved"
    lab.answer("Sara", "DELETE", f"{problem}/memberships/{asked['user_id']}")
    states = {
        one["name"]: one["state"] for one in lab.get("Sara", f"{problem}/memberships")["items"]
    }
    assert states == {"Hans": "revoked", "Mia": "withdrawn"}


def test_a_draft_is_written_in_steps(lab: ApiLab) -> None:
    made = lab.answer("Sara", "POST", "/problems", json={"title": "Relapse"})
    draft = f"/problems/{made['problem_id']}"
    document = tomllib.loads(TOML)
    for path, body in (
        ("about", {"title": "Relapse?", "description": "<b>who</b>"}),
        ("strategy", {"name": "FedProx", "parameters": {"proximal_mu": 0.5}}),
        ("rounds", document["rounds"]),
        ("training", {"local_epochs": 2}),
        ("privacy", None),
        ("selectors", {"selectors": 3}),
    ):
        lab.answer("Sara", "PUT", f"{draft}/{path}", json=body)
    data = TOML[TOML.index("[data]") :]
    lab.answer("Sara", "PUT", f"{draft}/data/toml", content=data)
    seen = lab.get("Sara", f"{draft}/draft")
    assert seen["data"] == document["data"]
    assert seen["strategy"] == {"name": "FedProx", "proximal_mu": 0.5}
    assert (seen["title"], seen["selectors"], seen["complete"]) == ("Relapse?", 3, False)
    steps = {step["name"]: step["done"] for step in seen["steps"]}
    assert not steps.pop("model")
    assert all(steps.values())
    copied = lab.answer("Sara", "POST", f"{draft}/copy")["problem_id"]
    lab.answer("Sara", "DELETE", draft)
    assert lab.ask("Sara", "GET", f"{draft}/draft").status_code == 404
    assert lab.get("Sara", f"/problems/{copied}/draft")["strategy"]["name"] == "FedProx"


def test_a_format_is_proposed_from_a_sample_that_is_not_kept(lab: ApiLab) -> None:
    made = lab.answer("Sara", "POST", "/problems", json={"title": "Relapse"})
    draft = f"/problems/{made['problem_id']}"
    sample = "age,relapse\n61,no\n48,yes\n"
    proposal = f"{draft}/data/proposal?target=relapse"
    data = lab.answer("Sara", "POST", proposal, content=sample)["data"]
    assert [column["name"] for column in data["columns"]] == ["age", "relapse"]
    lab.answer("Sara", "PUT", f"{draft}/data", json=data)
    assert not list((lab.platform.settings.home / "uploads").iterdir())


def test_mistakes_are_told_all_at_once(lab: ApiLab) -> None:
    made = lab.answer("Sara", "POST", "/problems", json={"title": "Relapse"})
    wrong = TOML.replace("goal_count", "goal_cuont").replace('"FedAvg"', '"FedAvgg"')
    refused = lab.ask("Sara", "PUT", f"/problems/{made['problem_id']}/toml", content=wrong)
    assert (refused.status_code, refused.json()["code"]) == (422, "problem-file")
    assert len(refused.json()["mistakes"]) >= 2
