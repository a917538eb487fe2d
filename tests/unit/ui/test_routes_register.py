"""`/setup` and `/register`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.web import PASSWORD, Web, opened_web

from fedota_server.webserver.permissions import Role


@pytest.fixture
def bare(tmp_path: Path, migrated_file: Path) -> Iterator[Web]:
    """A platform without an administrator."""
    with opened_web(tmp_path / "home", migrated_file) as made:
        yield made


def _person(email: str = "grace@example.org", **more: str) -> dict[str, str]:
    return {"name": "Grace", "email": email, "password": PASSWORD, **more}


@pytest.mark.parametrize("path", ["/", "/login", "/register", "/problem?id=abc"])
def test_a_new_platform_leads_to_its_set_up(bare: Web, path: str) -> None:
    answer = bare.client().get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/setup")


def test_the_set_up_code_makes_an_administrator_who_is_signed_in(bare: Web) -> None:
    client = bare.client()
    code = bare.platform.accounts.setup_code()
    answer = client.post("/setup", data=_person(code=code))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    made = bare.platform.accounts.by_session(client.cookies["fedota_session"])
    assert made is not None
    assert made.roles == frozenset(Role)


def test_a_wrong_code_is_said_in_place(bare: Web) -> None:
    answer = bare.client().post("/setup", data=_person(code="0000-0000"))
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert 'value="Grace"' in answer.text
    assert bare.platform.accounts.needs_setup()


def test_a_platform_is_set_up_once(web: Web) -> None:
    assert web.client().get("/setup").headers["location"] == "/login"
    code = web.platform.accounts.setup_code()
    answer = web.client().post("/setup", data=_person(code=code))
    assert answer.headers["location"] == "/login"
    assert "set-cookie" not in answer.headers


def test_nobody_registers_where_it_is_closed(web: Web) -> None:
    assert web.client().get("/register").status_code == 403
    assert web.client().post("/register", data=_person()).status_code == 403


def test_anybody_registers_where_it_is_open(web: Web) -> None:
    web.platform.accounts.set_registration(web.admin, "open", roles={Role.HOLDER})
    client = web.client()
    assert 'autocomplete="new-password"' in client.get("/register").text
    answer = client.post("/register", data=_person(next="/join?id=abc"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/join?id=abc")
    made = web.platform.accounts.by_session(client.cookies["fedota_session"])
    assert made is not None
    assert made.roles == {Role.HOLDER}


def test_the_code_is_asked_for_and_checked(web: Web) -> None:
    web.platform.accounts.set_registration(web.admin, "code", "three small words")
    client = web.client()
    assert 'name="code"' in client.get("/register").text
    wrong = client.post("/register", data=_person(code="other words"))
    assert wrong.status_code == 401
    assert client.post("/register", data=_person(code="three small words")).status_code == 303


@pytest.mark.parametrize(
    ("mistake", "status"),
    [
        ({"password": "short"}, 422),
        ({"email": "nobody"}, 422),
        ({"name": " "}, 422),
        ({"email": "admin@example.org"}, 409),
    ],
)
def test_mistakes_are_said_in_place(web: Web, mistake: dict[str, str], status: int) -> None:
    web.platform.accounts.set_registration(web.admin, "open")
    answer = web.client().post("/register", data={**_person(), **mistake})
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers
