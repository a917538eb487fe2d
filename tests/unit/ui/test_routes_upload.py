"""`/upload` and `/download`: who may, how large, and that nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asgi import TestClient
from support.web import Web, opened_web

from fedota_server.webserver.permissions import Role

MOST_BYTES = 1 << 20
GRACE = "grace@example.org"


@pytest.fixture
def web(tmp_path: Path, migrated_file: Path) -> Iterator[Web]:
    """A platform that takes files of at most a mebibyte, with a setter named Grace."""
    with opened_web(tmp_path / "home", migrated_file, model_max_bytes=MOST_BYTES) as made:
        made.person("Grace", [Role.SETTER])
        yield made


@pytest.fixture
def problem_id(web: Web) -> str:
    """A draft of Grace's."""
    client = web.client(GRACE)
    found = web.platform.accounts.by_session(client.cookies["fedota_session"])
    assert found is not None
    return web.platform.problems.create(found.actor, "Tumours")


def _left(web: Web) -> list[Path]:
    return list((web.platform.settings.home / "uploads").glob("*"))


def _put(client: TestClient, path: str, content: bytes | Iterator[bytes], name: str = ""):  # type: ignore[no-untyped-def]
    return client.put(path, content=content, headers={"X-File-Name": name})


def test_a_sample_is_answered_with_its_columns_and_not_kept(web: Web, problem_id: str) -> None:
    answer = _put(
        web.client(GRACE), f"/upload/sample/{problem_id}", b"age,ill\n3,0\n40,1\n7,0\n", "s.csv"
    )
    assert answer.status_code == 200
    assert [one["name"] for one in answer.json()["data"]["columns"]] == ["age", "ill"]
    assert _left(web) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"no zip at all", b"PK\x03\x04" + b"\0" * 500],
    ids=["empty", "text", "truncated"],
)
def test_what_is_no_model_is_refused_and_not_kept(
    web: Web, problem_id: str, content: bytes
) -> None:
    answer = _put(web.client(GRACE), f"/upload/model/{problem_id}", content, "model.keras")
    assert answer.status_code == 422
    assert answer.json()["code"] == "model-file"
    assert answer.json()["message"]
    assert _left(web) == []


def test_a_file_that_says_how_large_it_is_is_refused_at_once(web: Web, problem_id: str) -> None:
    answer = _put(web.client(GRACE), f"/upload/model/{problem_id}", b"\0" * (MOST_BYTES + 1))
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert not (web.platform.settings.home / "uploads").exists()


def test_a_file_that_grows_too_large_is_refused_while_it_comes(web: Web, problem_id: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"\0" * (1 << 16)

    answer = _put(web.client(GRACE), f"/upload/model/{problem_id}", chunks(), "model.keras")
    assert answer.status_code == 413
    assert "1" in answer.json()["message"]
    assert _left(web) == []


def test_only_its_setter_uploads_for_a_draft(web: Web, problem_id: str) -> None:
    web.person("Mallory", [Role.SETTER])
    path = f"/upload/model/{problem_id}"
    assert _put(web.client(), path, b"x").status_code == 401
    assert _put(web.client("mallory@example.org"), path, b"x").status_code == 404
    assert _put(web.client(GRACE), "/upload/model/000000000000", b"x").status_code == 404
    assert _put(web.client(GRACE), f"/upload/virus/{problem_id}", b"x").status_code == 404
    assert _left(web) == []


def test_a_files_name_leads_nowhere_and_is_shown_as_text(web: Web, problem_id: str) -> None:
    answer = _put(
        web.client(GRACE),
        f"/upload/model/{problem_id}",
        b"no zip",
        "..%2F..%2Fetc%2F%3Cb%3Emodel%0A.keras",
    )
    assert answer.status_code == 422
    assert "/etc" not in answer.json()["message"]
    assert "\n" not in answer.json()["message"]
    assert not list(web.platform.settings.home.glob("**/*etc*"))


def test_the_format_is_downloaded_by_those_who_see_the_problem(web: Web, problem_id: str) -> None:
    client = web.client(GRACE)
    answer = client.get(f"/download/{problem_id}/format.toml")
    assert answer.status_code == 200
    assert "Tumours" in answer.text
    assert answer.headers["content-disposition"].startswith("attachment")
    web.person("Mallory")
    assert (
        web.client("mallory@example.org").get(f"/download/{problem_id}/format.toml").status_code
        == 404
    )


def test_downloads_lead_to_signing_in(web: Web, problem_id: str) -> None:
    answer = web.client().get(f"/download/{problem_id}/model")
    assert answer.headers["location"] == f"/login?next=%2Fdownload%2F{problem_id}%2Fmodel"


@pytest.mark.parametrize("asked", ["model", "model?round=3", "model?round=x", "invite/17"])
def test_what_is_not_there_is_said_on_a_page(web: Web, problem_id: str, asked: str) -> None:
    answer = web.client(GRACE).get(f"/download/{problem_id}/{asked}")
    assert 400 <= answer.status_code < 500
    assert "<h1>" in answer.text
    assert _left(web) == []


def test_the_clients_files_are_for_anybody_and_nothing_else_is(web: Web) -> None:
    (web.platform.settings.home / "client").mkdir()
    answer = web.client().get("/client/..%2Fca%2Fca.key")
    assert answer.status_code == 404
    assert b"PRIVATE" not in answer.content
