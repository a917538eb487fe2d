"""What all endpoints of the API share: errors, bounds, pages, and how it describes itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select
from support.api import ApiLab, opened_api, published

from fedota_proto.errors import BusyError, DatabaseError
from fedota_server.webserver.api.body_limit import BODY_MAX_BYTES
from fedota_server.webserver.tables import EvaluationRow, ProblemRow, RoundRow, ServerRow


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ApiLab]:
    with opened_api(tmp_path / "home", model_max_bytes=1 << 20) as lab:
        yield lab


def failing(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_errors_are_one_json_object(lab: ApiLab) -> None:
    refused = lab.ask("Mia", "POST", "/problems", json={"title": "Mine"})
    assert refused.status_code == 403
    assert set(refused.json()) == {"code", "message"}
    for method, path in (("GET", "/nothing"), ("PATCH", "/account")):
        unknown = lab.ask("Ada", method, path)
        assert unknown.status_code in (404, 405)
        assert f"{method} {path}" in unknown.json()["message"]


def test_what_is_malformed_names_its_place(lab: ApiLab) -> None:
    for path, body, place in (
        ("/problems", {"titel": "x"}, "title"),
        ("/problems", {"title": "x", "more": 1}, "more"),
        ("/account/tokens", {"name": "x", "days": "soon"}, "days"),
    ):
        refused = lab.ask("Sara", "POST", path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "usage")
        assert any(place in mistake for mistake in refused.json()["mistakes"])
    broken = lab.ask("Sara", "POST", "/problems", content="{")
    assert broken.status_code == 422


def test_a_password_that_was_sent_is_not_told_back(lab: ApiLab) -> None:
    body = {"old": "hunter2 hunter2", "new": ["hunter3"]}
    refused = lab.ask("Sara", "PUT", "/account/password", json=body)
    assert refused.status_code == 422
    assert "hunter" not in refused.text


def test_busy_says_when_to_come_back(lab: ApiLab, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = BusyError("Others ask as well: come back later.", retry_after_s=7)
    monkeypatch.setattr(lab.platform.problems, "catalogue", failing(busy))
    refused = lab.ask("Mia", "GET", "/problems")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")


def test_a_database_that_is_away(lab: ApiLab, monkeypatch: pytest.MonkeyPatch) -> None:
    away = DatabaseError("The database does not answer: try again.", detail="host=secret")
    monkeypatch.setattr(lab.platform.accounts, "by_token", failing(away))
    refused = lab.ask("Mia", "GET", "/account")
    assert (refused.status_code, refused.json()["code"]) == (503, "database")
    assert "secret" not in refused.text


def test_a_defect_has_an_id_that_is_in_the_log(
    lab: ApiLab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lab.platform.problems, "catalogue", failing(ValueError("inside")))
    failed = lab.ask("Mia", "GET", "/problems")
    assert (failed.status_code, failed.json()["code"]) == (500, "internal")
    assert "inside" not in failed.text
    (failure,) = [r.getMessage() for r in caplog.records if r.getMessage().startswith("failure ")]
    assert failure.split()[1] in failed.json()["message"]


def test_bodies_that_are_read_into_memory_are_bounded(lab: ApiLab) -> None:
    made = lab.answer("Sara", "POST", "/problems", json={"title": "Large"})
    path = f"/problems/{made['problem_id']}/toml"
    large = "#" * (BODY_MAX_BYTES + 1)
    declared = lab.ask("Sara", "PUT", path, content=large)
    assert (declared.status_code, declared.json()["code"]) == (413, "too-large")

    def parts() -> Iterator[bytes]:
        for _ in range(BODY_MAX_BYTES // 65_536 + 2):
            yield b"#" * 65_536

    assert lab.ask("Sara", "PUT", path, content=parts()).status_code >= 400


def test_uploads_are_bounded_by_the_setting(lab: ApiLab) -> None:
    made = lab.answer("Sara", "POST", "/problems", json={"title": "Large"})
    path = f"/problems/{made['problem_id']}/model"
    refused = lab.ask("Sara", "PUT", path, content=b"x" * ((1 << 20) + 1))
    assert (refused.status_code, refused.json()["code"]) == (413, "too-large")

    def parts() -> Iterator[bytes]:
        for _ in range(17):
            yield b"x" * 65_536

    assert lab.ask("Sara", "PUT", path, content=parts()).status_code == 413
    assert lab.ask("Sara", "PUT", path, content=b"no model").json()["code"] == "model-file"
    assert not list((lab.platform.settings.home / "uploads").iterdir())


def test_text_that_is_no_utf8(lab: ApiLab) -> None:
    made = lab.answer("Sara", "POST", "/problems", json={"title": "Text"})
    refused = lab.ask("Sara", "PUT", f"/problems/{made['problem_id']}/toml", content=b"\xff")
    assert "UTF-8" in refused.json()["message"]


def test_lists_come_in_pages(lab: ApiLab) -> None:
    for number in range(5):
        lab.answer("Sara", "POST", "/problems", json={"title": f"Problem {number}"})
    page = lab.get("Sara", "/problems", which="own", offset=2, limit=2)
    assert (page["total"], page["offset"], page["limit"], len(page["items"])) == (5, 2, 2, 2)
    assert lab.get("Sara", "/problems")["total"] == 0
    assert lab.get("Ada", "/problems", which="all", search="problem 3")["total"] == 1
    assert lab.ask("Mia", "GET", "/problems", params={"which": "all"}).status_code == 403
    assert lab.ask("Sara", "GET", "/problems", params={"limit": 10_000}).status_code == 422
    users = lab.get("Ada", "/admin/users", limit=2, offset=4)
    assert (users["total"], len(users["items"])) == (5, 1)


def test_rounds_scores_and_servers_are_told(lab: ApiLab, tmp_path: Path) -> None:
    problem = published(lab, tmp_path)
    problem_id = problem.rsplit("/", 1)[1]
    with lab.platform.database.session() as session, session.begin():
        for number in (1, 2, 3):
            session.add(
                RoundRow(
                    problem_id=problem_id,
                    generation=0,
                    server_round=number,
                    attempt=1,
                    completed=True,
                    admitted=4,
                    reported=3,
                    train_metrics={"loss": 0.5 / number},
                    ended_unix_s=number,
                )
            )
        session.add(
            EvaluationRow(
                problem_id=problem_id,
                generation=0,
                server_round=1,
                source="federated",
                metrics={"loss": float("nan")},
                unix_s=1,
            )
        )
        session.add(
            ServerRow(problem_id=problem_id, name="coordinator", state="running", since_unix_s=1)
        )
    rounds = lab.get("Mia", f"{problem}/rounds", limit=2)
    assert [(one["server_round"], one["dropped"]) for one in rounds] == [(2, 1), (3, 1)]
    earlier = lab.get("Mia", f"{problem}/rounds", before=rounds[0]["row_id"])
    assert [one["server_round"] for one in earlier] == [1]
    assert lab.get("Mia", f"{problem}/evaluations")[0]["metrics"] == {"loss": None}
    assert lab.get("Mia", f"{problem}/kept-rounds") == {"arrays": [], "state": []}
    assert lab.get("Mia", f"{problem}/clock") is None
    assert lab.get("Ada", "/admin/servers")[0]["problem_id"] == problem_id
    log = lab.ask("Sara", "GET", f"{problem}/servers/coordinator/log")
    assert (log.status_code, log.headers["Content-Type"].split(";")[0]) == (200, "text/plain")
    actions = {entry["action"] for entry in lab.get("Sara", f"{problem}/changes")}
    assert "publish a problem" in actions
    shown = lab.get("Mia", problem)
    assert shown["may"] == sorted(shown["may"])
    missing = lab.ask("Sara", "GET", f"{problem}/model")
    assert (missing.status_code, missing.json()["code"]) == (404, "checkpoint")


def test_wishes_leave_commands_that_are_answered_later(lab: ApiLab, tmp_path: Path) -> None:
    problem = published(lab, tmp_path)
    refused = lab.ask("Sara", "POST", f"{problem}/pause")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    with lab.platform.database.session() as session, session.begin():
        row = session.exec(select(ProblemRow).where(col(ProblemRow.status) == "ready")).one()
        row.status = "running"
    left = lab.ask("Sara", "POST", f"{problem}/pause")
    assert left.status_code == 202
    command = lab.get("Sara", f"{problem}/commands/{left.json()['command_id']}")
    assert (command["what"], command["answered"]) == ("pause", False)


def test_a_model_is_downloaded_and_leaves_nothing_behind(
    lab: ApiLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = published(lab, tmp_path)

    def export(_: object, __: str, out: Path, server_round: int | None = None) -> int:
        out.write_bytes(b"model")
        return 7 if server_round is None else server_round

    monkeypatch.setattr(lab.platform.problems, "export_model", export)
    answer = lab.ask("Sara", "GET", f"{problem}/model", params={"round": 3})
    assert answer.content == b"model"
    assert "-round-3.keras" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert not list((lab.platform.settings.home / "uploads").iterdir())


def test_it_describes_itself_and_loads_nothing_from_elsewhere(lab: ApiLab) -> None:
    document = lab.client.get("/openapi.json").json()
    for path in ("/docs", "/redoc"):
        assert lab.client.get(path).status_code == 404
    assert "http" not in json.dumps(document).replace("httpBearer", "").replace('"http"', "")
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    assert all(one["description"] for one in operations)
    assert all(one["security"] for one in operations)
    schemas = document["components"]["schemas"]
    assert not [name for name in schemas if "__" in name or name.endswith(("-Input", "-Output"))]
    card = schemas["ProblemCard"]["properties"]
    assert card["needs"]["description"]
    assert "-----" not in json.dumps(schemas)


def test_a_user_is_added_and_reset(lab: ApiLab) -> None:
    body = {"email": "new@example.org", "name": "New", "roles": ["holder"]}
    made = lab.answer("Ada", "POST", "/admin/users", json=body)
    user = f"/admin/users/{made['account']['user_id']}"
    assert made["account"]["roles"] == ["holder"]
    assert made["account"]["must_change_password"] is True
    again = lab.answer("Ada", "POST", f"{user}/reset-password")["password"]
    assert again != made["password"]
    roles = lab.answer("Ada", "PUT", f"{user}/roles", json={"roles": ["setter", "holder"]})
    assert roles["roles"] == ["holder", "setter"]
    last = lab.ask(
        "Ada", "PUT", f"/admin/users/{lab.people['Ada'].user_id}/roles", json={"roles": []}
    )
    assert (last.status_code, last.json()["code"]) == (409, "conflict")
    audit = lab.answer("Ada", "GET", "/admin/audit", params={"who": "new@example.org"})
    assert {"add a user", "change roles"} <= {entry["action"] for entry in audit}


def test_registration_is_opened_with_a_code_that_is_not_told(lab: ApiLab) -> None:
    lab.answer("Ada", "PUT", "/admin/registration", json={"mode": "code", "code": "open sesame"})
    shown = lab.ask("Ada", "GET", "/admin/registration")
    assert shown.json()["mode"] == "code"
    assert "sesame" not in shown.text


def test_a_token_for_ones_own_scripts(lab: ApiLab) -> None:
    made = lab.answer("Sara", "POST", "/account/tokens", json={"name": "second", "days": 1})
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert lab.client.get("/account", headers=headers).json()["name"] == "Sara"
    listed = lab.ask("Sara", "GET", "/account/tokens")
    assert made["token"] not in listed.text
    assert [token["name"] for token in listed.json()] == ["second", "tests"]


def test_the_client_is_installed_from_the_platform(lab: ApiLab) -> None:
    told = lab.get("Hans", "/client")
    base = "http://127.0.0.1:8501/client"
    assert told["wheel"].startswith(f"{base}/fedota-")
    assert f"#sha256={told['sha256']}" in told["install_command"]
    assert told["constraints"] == f"{base}/constraints.txt"
