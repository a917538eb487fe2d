"""Every endpoint, asked by nobody and by somebody of each kind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from support.accounts import PASSWORD
from support.api import TOML, ApiLab, opened_api, published

from fedota_server.webserver.api import build_api
from fedota_server.webserver.doctor import Doctor, Finding, State
from fedota_server.webserver.tables import CommandRow, ServerRow

# Mia holds data and takes no part, Hans takes part; Otto sets other problems, Sara set this one;
# Ada administers, and is everything else as well.
EVERYBODY = frozenset({"Mia", "Hans", "Otto", "Sara", "Ada"})
HOLDERS = frozenset({"Mia", "Hans", "Ada"})
MEMBER = frozenset({"Hans"})
SETTERS = frozenset({"Otto", "Sara", "Ada"})
OWNER = frozenset({"Sara", "Ada"})
MODEL = frozenset({"Hans", "Sara", "Ada"})
ADMIN = frozenset({"Ada"})
P = "/problems/{problem_id}"


@dataclass(frozen=True)
class Row:
    """An endpoint, who may ask it, and a request that it understands."""

    method: str
    path: str
    may: frozenset[str]
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def json(**body: Any) -> dict[str, Any]:
    return {"json": body}


TABLE = (
    Row("GET", "/account", EVERYBODY),
    Row("PUT", "/account/name", EVERYBODY, json(name="Another")),
    Row("PUT", "/account/password", EVERYBODY, json(old=PASSWORD, new="another password")),
    Row("GET", "/account/tokens", EVERYBODY),
    Row("POST", "/account/tokens", EVERYBODY, json(name="notebook")),
    Row("DELETE", "/account/tokens/{token_id}", EVERYBODY),
    Row("GET", "/account/sessions", EVERYBODY),
    Row("DELETE", "/account/sessions", EVERYBODY),
    Row("DELETE", "/account/sessions/{session_id}", EVERYBODY),
    Row("GET", "/problems", EVERYBODY),
    Row("POST", "/problems", SETTERS, json(title="New")),
    Row("GET", P, EVERYBODY),
    Row("DELETE", P, OWNER),
    Row("POST", f"{P}/copy", OWNER),
    Row("GET", f"{P}/draft", OWNER),
    Row("PUT", f"{P}/toml", OWNER, {"content": TOML}),
    Row("PUT", f"{P}/about", OWNER, json(title="Other")),
    Row("PUT", f"{P}/data", OWNER, json(minimum_examples=10)),
    Row("PUT", f"{P}/data/toml", OWNER, {"content": "[data]\nminimum_examples = 10\n"}),
    Row("POST", f"{P}/data/proposal", OWNER, {"content": "a,b\n1,2\n"}),
    Row("PUT", f"{P}/model", OWNER, {"content": b"no model"}),
    Row("PUT", f"{P}/test-file", OWNER, {"content": "a,b\n1,2\n"}),
    Row("DELETE", f"{P}/test-file", OWNER),
    Row("PUT", f"{P}/strategy", OWNER, json(name="FedAvg")),
    Row("PUT", f"{P}/rounds", OWNER, json(rounds=5)),
    Row("PUT", f"{P}/training", OWNER, json(local_epochs=1)),
    Row("PUT", f"{P}/privacy", OWNER),
    Row("PUT", f"{P}/admission", OWNER, json(admission="anyone")),
    Row("PUT", f"{P}/selectors", OWNER, json(selectors=2)),
    Row("POST", f"{P}/dry-run", OWNER),
    Row("POST", f"{P}/publish", OWNER),
    Row("GET", f"{P}/format.toml", EVERYBODY),
    Row("GET", f"{P}/clock", EVERYBODY),
    Row("GET", f"{P}/rounds", EVERYBODY),
    Row("GET", f"{P}/evaluations", EVERYBODY),
    Row("GET", f"{P}/kept-rounds", EVERYBODY),
    Row("GET", f"{P}/model", MODEL),
    Row("GET", f"{P}/updates", OWNER),
    Row("GET", f"{P}/members", OWNER),
    Row("GET", f"{P}/changes", OWNER),
    Row("GET", f"{P}/servers", OWNER),
    Row("GET", f"{P}/servers/{{server}}/log", OWNER),
    Row("GET", f"{P}/commands/{{command_id}}", OWNER),
    Row("POST", f"{P}/start", OWNER),
    Row("POST", f"{P}/pause", OWNER),
    Row("POST", f"{P}/resume", OWNER),
    Row("POST", f"{P}/stop", OWNER),
    Row("POST", f"{P}/roll-back", OWNER, json(server_round=1)),
    Row("POST", f"{P}/scale", OWNER, json(selectors=3)),
    Row("POST", f"{P}/archive", OWNER),
    Row("GET", "/memberships", EVERYBODY),
    Row("GET", "/requests", EVERYBODY),
    Row("POST", f"{P}/join", HOLDERS),
    Row("POST", f"{P}/withdraw", HOLDERS),
    Row("POST", f"{P}/leave", MEMBER),
    Row("GET", f"{P}/my-part", EVERYBODY),
    Row("GET", f"{P}/clients", EVERYBODY),
    Row("POST", f"{P}/clients", MEMBER, json(name="another")),
    Row("GET", f"{P}/clients/{{node_id}}/invite", MEMBER),
    Row("GET", f"{P}/memberships", OWNER),
    Row("POST", f"{P}/memberships/{{user_id}}/decide", OWNER, json(approve=True)),
    Row("DELETE", f"{P}/memberships/{{user_id}}", OWNER),
    Row("GET", "/jobs/{job_id}", OWNER),
    Row("GET", f"{P}/jobs", OWNER),
    Row("GET", "/client", EVERYBODY),
    Row("GET", "/admin/health", ADMIN),
    Row("GET", "/admin/users", ADMIN),
    Row("POST", "/admin/users", ADMIN, json(email="n@example.org", name="New", roles=["holder"])),
    Row("PUT", "/admin/users/{user_id}/roles", ADMIN, json(roles=["holder"])),
    Row("PUT", "/admin/users/{user_id}/disabled", ADMIN, json(disabled=True)),
    Row("POST", "/admin/users/{user_id}/reset-password", ADMIN),
    Row("GET", "/admin/servers", ADMIN),
    Row("GET", "/admin/audit", ADMIN),
    Row("GET", "/admin/registration", ADMIN),
    Row("PUT", "/admin/registration", ADMIN, json(mode="closed")),
)


@dataclass
class Prepared:
    """A published problem with a member, and what names everything of it."""

    home: Path
    tokens: dict[str, str]
    names: dict[str, Any]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    place = tmp_path_factory.mktemp("prepared")
    with opened_api(place / "home") as lab:
        problem = published(lab, place)
        problem_id = problem.rsplit("/", 1)[1]
        joined = lab.answer("Hans", "POST", f"{problem}/join")
        client = lab.answer("Hans", "POST", f"{problem}/clients", json={"name": "north"})
        lab.answer("Sara", "POST", f"{problem}/start")
        with lab.platform.database.session() as session, session.begin():
            session.add(
                CommandRow(id="c" * 32, problem_id=problem_id, what="pause", created_unix_s=1)
            )
            session.add(
                ServerRow(
                    problem_id=problem_id, name="coordinator", state="running", since_unix_s=1
                )
            )
        job = lab.get("Sara", f"{problem}/jobs")[0]
        names = {
            "problem_id": problem_id,
            "user_id": joined["user_id"],
            "node_id": client["node_id"],
            "job_id": job["job_id"],
            "command_id": "c" * 32,
            "server": "coordinator",
            "token_id": 99,
            "session_id": 99,
        }
        return Prepared(place / "home", lab.tokens, names)


@pytest.fixture
def lab(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiLab]:
    """The same platform, for one test to change."""
    monkeypatch.setattr(Doctor, "checks", lambda _: [Finding("disk", State.OK, "60 GB are free")])
    shutil.copytree(prepared.home, tmp_path / "home")
    with opened_api(tmp_path / "home", people=prepared.tokens) as lab:
        yield lab


def ask(lab: ApiLab, prepared: Prepared, row: Row, who: str) -> Any:
    return lab.ask(who, row.method, row.path.format(**prepared.names), **row.given)


def test_the_table_names_every_endpoint(lab: ApiLab) -> None:
    paths = build_api(lab.platform).openapi()["paths"]
    found = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert found == {row.name for row in TABLE}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_who_may(row: Row, lab: ApiLab, prepared: Prepared) -> None:
    unknown = ask(lab, prepared, row, "")
    assert (unknown.status_code, unknown.json()["code"]) == (401, "sign-in")
    assert unknown.headers["WWW-Authenticate"] == "Bearer"
    for who in sorted(EVERYBODY - row.may):
        refused = ask(lab, prepared, row, who)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), who
    with lab.platform.database.session() as session:
        assert not session.exec(select(CommandRow).where(CommandRow.id != "c" * 32)).all()
    for who in sorted(row.may):
        allowed = ask(lab, prepared, row, who)
        assert allowed.status_code not in (401, 403, 405), f"{who}: {allowed.text}"
        assert allowed.status_code < 500, f"{who}: {allowed.text}"


def test_a_draft_is_hidden_from_others(lab: ApiLab, prepared: Prepared) -> None:
    made = lab.answer("Sara", "POST", "/problems", json={"title": "Secret"})
    names = {**prepared.names, "problem_id": made["problem_id"]}
    for row in TABLE:
        if row.path.startswith(P):
            for who in ("Mia", "Hans", "Otto"):
                hidden = lab.ask(who, row.method, row.path.format(**names), **row.given)
                # Who may set no problem at all learns nothing by being told so.
                wanted = (
                    "forbidden" if row.path.endswith("/copy") and who != "Otto" else "not-found"
                )
                assert hidden.json()["code"] == wanted, row.name


@pytest.mark.parametrize(
    "header",
    ["Bearer fdt_wrong", "Bearer", "Basic YTpi", "Bearer " + "x" * 9000, "fdt_wrong"],
)
def test_a_token_that_opens_nothing(header: str, lab: ApiLab) -> None:
    refused = lab.client.get("/account", headers={"Authorization": header})
    assert (refused.status_code, refused.json()["code"]) == (401, "sign-in")


def test_a_cookie_opens_nothing(lab: ApiLab) -> None:
    token = lab.platform.accounts.sign_in(
        "ada@example.org", PASSWORD, address="192.0.2.1", browser=""
    )
    for name in ("fedota", "session", "__Host-fedota"):
        lab.client.cookies.set(name, token)
    assert lab.client.get("/account").status_code == 401
    bearer = {"Authorization": f"Bearer {token}"}
    assert lab.client.get("/account", headers=bearer).status_code == 401


def test_a_revoked_token_and_one_of_a_disabled_account(lab: ApiLab) -> None:
    (mine,) = lab.get("Sara", "/account/tokens")
    lab.answer("Sara", "DELETE", f"/account/tokens/{mine['token_id']}")
    assert lab.ask("Sara", "GET", "/account").status_code == 401
    found = lab.get("Ada", "/admin/users", search="otto")["items"][0]
    disabled = f"/admin/users/{found['user_id']}/disabled"
    assert lab.answer("Ada", "PUT", disabled, json={"disabled": True})["disabled"] is True
    assert lab.ask("Otto", "GET", "/account").status_code == 401


def test_a_holders_invite_is_theirs_alone(lab: ApiLab, prepared: Prepared) -> None:
    problem = P.format(**prepared.names)
    lab.answer("Mia", "POST", f"{problem}/join")
    invite = f"{problem}/clients/{prepared.names['node_id']}/invite"
    assert lab.ask("Mia", "GET", invite).status_code == 404
    assert lab.ask("Hans", "GET", invite).status_code == 200
