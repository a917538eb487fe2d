"""Joining, and a data holder's place in a problem."""

from __future__ import annotations

import hashlib

import pytest
from support.page_text import (
    field,
    has_button,
    open_tab,
    opened,
    press,
    rows_of,
    text_of,
    unescaped,
)
from support.saved_images import save_new
from support.web import Web
from support.web_problems import NASTY, SECTIONS, WebProblems
from support.world import problem_toml

from fedota_server.webserver.account import Account
from fedota_server.webserver.client_files import ClientFiles
from fedota_server.webserver.permissions import Role

INSTALL = 'pip install "fedota[client] @ http://x/fedota.whl#sha256=ab" -c http://x/constraints.txt'


@pytest.fixture(autouse=True)
def _no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the wheel from being built: the files have tests of their own."""
    monkeypatch.setattr(ClientFiles, "install_command", lambda self, url: INSTALL)


@pytest.fixture
def problems(web: Web) -> WebProblems:
    return WebProblems(web)


@pytest.fixture
def sara(web: Web) -> Account:
    return web.person("Sara", {Role.SETTER})


@pytest.fixture
def hugo(web: Web) -> Account:
    found = web.person("Hugo", {Role.HOLDER})
    web.show_to(found.email)
    return found


def _state(web: Web, holder: Account) -> list[str]:
    return [one.state for one in web.platform.memberships.mine(holder.actor)]


def test_without_an_id_it_leads_to_the_catalogue(web: Web, hugo: Account) -> None:
    assert "Open the catalogue" in text_of(web.page("join"))


def test_everything_is_told_before_the_button(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    page = web.page("join", id=problems.publish(sara.actor))
    text = unescaped(text_of(page))
    assert NASTY in text
    assert "What will run on your machine" in text
    assert "The updates are combined by FedAvg" in text
    assert "What will leave it" in text
    assert "No example leaves" in text
    assert "can be seen by its selector alone" in text
    assert "A table with 2 columns from which relapse is predicted" in text
    assert "/format.toml" in text
    assert "<script>" not in text_of(page)
    columns = rows_of(page, "column")
    assert [row[2] for row in columns] == ["0 to 120 years", "I, II", "false, true"]
    assert [row[3] for row in columns] == ["input", "input", "predicted"]


def test_where_anyone_may_one_takes_part_at_once(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    page = web.page("join", id=problems.publish(sara.actor, admission="anyone"))
    page = press(page, "Join")
    assert not page.error
    assert _state(web, hugo) == ["approved"]
    assert "No client yet" in text_of(page)


def test_else_one_asks_with_a_note_and_can_withdraw(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    pid = problems.publish(sara.actor, admission="approval")
    page = web.page("join", id=pid)
    page.text_area[0].set_value("We are a clinic.")
    page = press(page, "Ask to join")
    assert "waits for the setter" in text_of(page)
    (request,) = web.platform.memberships.requests(sara.actor)
    assert request.note == "We are a clinic."
    page = press(page, "Withdraw the request")
    assert _state(web, hugo) == ["withdrawn"]
    assert has_button(page, "Ask to join")


def test_whoever_is_no_data_holder_reads_without_a_button(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.publish(sara.actor, admission="anyone")
    web.show_to(web.person("Other", {Role.SETTER}).email)
    page = web.page("join", id=pid)
    assert "What will leave it" in text_of(page)
    assert not has_button(page, "Join")


@pytest.fixture
def member(web: Web, problems: WebProblems, sara: Account, hugo: Account) -> str:
    """A problem in which Hugo takes part."""
    pid = problems.publish(sara.actor, admission="anyone", status="running", wanted="serving")
    web.platform.memberships.join(hugo.actor, pid)
    return pid


def test_a_client_is_enrolled_and_its_commands_are_shown(
    web: Web, problems: WebProblems, hugo: Account, member: str
) -> None:
    problems.give_keys(member)
    page = web.page("join", id=member)
    field(page, "Name a client").set_value("north hospital")
    page = press(page, "Make an invite")
    assert not page.error
    (client,) = web.platform.memberships.clients(hugo.actor, member)
    shown = [code.value for code in page.code]
    assert shown[0] == INSTALL
    assert shown[1].startswith("fedota-client join north-hospital.invite --data ")
    text = text_of(page)
    assert f"/download/{member}/invite/{client.node_id}" in text
    invite = web.platform.memberships.invite_text(hugo.actor, member, client.node_id)
    assert invite not in text
    assert not any(invite in command for command in shown)
    assert "docker" not in " ".join(shown)


def test_a_docker_command_is_shown_where_an_image_is_configured(
    web: Web, hugo: Account, member: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.platform.memberships.enrol(hugo.actor, member, "north")
    settings = web.platform.settings.model_copy(update={"client_image": "fedota/client:1"})
    monkeypatch.setattr(web.platform, "settings", settings)
    page = web.page("join", id=member)
    command = page.code[-1].value
    assert command == (
        'mkdir -p fedota && docker run --rm -it --user "$(id -u):$(id -g)" '
        '-v "$PWD/data:/data:ro" -v "$PWD/fedota:/fedota" fedota/client:1 join'
    )
    assert "lies there as `fedota/invite`" in text_of(page)


def test_the_image_of_the_problem_is_offered_where_the_clients_is_saved(
    web: Web, problems: WebProblems, hugo: Account, member: str
) -> None:
    problems.give_keys(member)
    save_new(web.platform.settings.home / "client-image.tar")
    folder = web.platform.settings.home / "problems" / member
    (folder / "problem.toml").write_text(problem_toml())
    (folder / "model.keras").touch()
    web.platform.memberships.enrol(hugo.actor, member, "north")
    page = web.page("join", id=member)
    offer = web.platform.problem_images.offer(hugo.actor, member)
    check, run = (code.value for code in page.code[-2:])
    name = f"client-{member}.tar"
    assert check == (
        f"echo '{offer.sha256}  {name}' | sha256sum --check && docker load --input {name}"
    )
    assert run.endswith(f" {offer.archive.tag} join")
    assert f"/download/{member}/image" in text_of(page)

    answer = web.client(hugo.email).get(f"/download/{member}/image")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == offer.sha256
    assert answer.headers["content-length"] == str(len(answer.content))
    web.person("Mallory", {Role.HOLDER})
    assert web.client("mallory@example.org").get(f"/download/{member}/image").status_code == 403


def test_a_name_that_cannot_be_used_is_refused_beside_the_form(
    web: Web, hugo: Account, member: str
) -> None:
    page = web.page("join", id=member)
    field(page, "Name a client").set_value("$(reboot)")
    page = press(page, "Make an invite")
    assert page.error
    assert web.platform.memberships.clients(hugo.actor, member) == []


def test_ones_part_so_far_is_added_up(
    web: Web, problems: WebProblems, hugo: Account, member: str
) -> None:
    client = web.platform.memberships.enrol(hugo.actor, member, "north")
    problems.update(member, client.node_id, 1, "counted")
    problems.update(member, client.node_id, 2, "counted")
    problems.update(
        member, client.node_id, 3, "rejected", code="not-finite", reason="dense holds NaN"
    )
    page = web.page("join", id=member)
    figures = {metric.label: metric.value for metric in page.metric}
    assert figures["Counted"] == "2"
    assert figures["Not counted"] == "1"
    assert figures["Examples"] == "200"
    assert figures["Sent"].endswith("kB")
    assert "1 × rejected: dense holds NaN" in unescaped(text_of(page))


def test_what_noise_costs_is_told_before_and_while_one_takes_part(
    web: Web, problems: WebProblems, hugo: Account, member: str
) -> None:
    privacy = {"clipping_norm": 1.0, "noise_multiplier": 40.0}
    problems.change(member, draft={**SECTIONS, "privacy": privacy})
    cost = "ε = 0.18, all 20 rounds together at most ε = 0.90, at δ = 1e-05"
    client = web.platform.memberships.enrol(hugo.actor, member, "north")
    problems.update(member, client.node_id, 1, "counted")
    problems.update(member, client.node_id, 2, "late")
    problems.update(member, client.node_id, 3, "counted")
    text = unescaped(text_of(opened(web.page("join", id=member), "agreed")))
    assert cost in text
    assert "3 updates of training left so far, ε = 0.18 each and ε = 0.32 together" in text
    assert cost in unescaped(text_of(open_tab(web.page("problem", id=member), "About")))


def test_leaving_is_asked_first(web: Web, hugo: Account, member: str, asked: list[str]) -> None:
    press(web.page("join", id=member), "Leave this problem")
    assert asked == ["Leave this problem?"]
    assert _state(web, hugo) == ["left"]


def test_my_data_lists_what_one_takes_part_in(
    web: Web, problems: WebProblems, sara: Account, hugo: Account, member: str
) -> None:
    guarded = problems.publish(sara.actor, "Guarded", admission="approval")
    web.platform.memberships.join(hugo.actor, guarded)
    text = unescaped(text_of(web.page("my_data")))
    assert text.index(NASTY) < text.index("Guarded")
    assert "Enrol a client" in text
    assert "waiting for the setter" in text


def test_without_memberships_my_data_leads_to_the_catalogue(web: Web, hugo: Account) -> None:
    assert "You take part in no problem yet" in text_of(web.page("my_data"))
