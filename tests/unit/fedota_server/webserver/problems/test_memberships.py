"""Taking part: asking, deciding, clients and their invites, and the end of it."""

from __future__ import annotations

import pytest
from support.web_desk import WebDesk

from fedota_proto.errors import ConflictError, ForbiddenError, NotFoundError, UsageError
from fedota_proto.invite import Invite
from fedota_server.webserver.memberships import CLIENTS_MAX, INVITE_DAYS
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.problems.use_cases import membership_of
from fedota_server.webserver.tables import ClientRow, ProblemRow


def bind(desk: WebDesk, node_id: int) -> None:
    with desk.database.session() as session, session.begin():
        row = session.get_one(ClientRow, node_id)
        row.bound_unix_s, row.last_change = desk.clock(), "connected"
        session.add(row)


def test_where_anyone_may_join_one_takes_part_at_once(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    problem = desk.published(setter)

    made = desk.memberships.join(holder, problem, " We have 40 patients. ")

    assert (made.state, made.note) == ("approved", "We have 40 patients.")
    assert desk.problems.view(holder, problem).membership == "approved"
    with pytest.raises(ConflictError, match="You take part"):
        desk.memberships.join(holder, problem)
    assert desk.memberships.mine(holder) == [made]


def test_a_request_waits_for_the_setter(desk: WebDesk, setter: Actor, holder: Actor) -> None:
    problem = desk.published(setter, admission="approval")

    asked = desk.memberships.join(holder, problem)

    assert asked.state == "requested"
    with pytest.raises(ConflictError, match="have asked"):
        desk.memberships.join(holder, problem)
    with pytest.raises(ForbiddenError):
        desk.memberships.enrol(holder, problem, "ward")
    assert desk.memberships.requests(setter) == [asked]

    desk.clock.pass_by(60)
    decided = desk.memberships.decide(setter, problem, holder.user_id, True)
    assert (decided.state, decided.decided_unix_s) == ("approved", desk.clock())
    assert desk.memberships.enrol(holder, problem, "ward").state == "never connected"
    with pytest.raises(NotFoundError):
        desk.memberships.decide(setter, problem, holder.user_id, False)


@pytest.mark.parametrize("how", ["declined", "withdrawn", "left"])
def test_whoever_is_out_may_ask_again(
    desk: WebDesk, setter: Actor, holder: Actor, how: str
) -> None:
    problem = desk.published(setter, admission="approval")
    desk.memberships.join(holder, problem)
    if how == "withdrawn":
        desk.memberships.withdraw(holder, problem)
    else:
        desk.memberships.decide(setter, problem, holder.user_id, how == "left")
    if how == "left":
        desk.memberships.leave(holder, problem)
    assert desk.problems.view(holder, problem).membership == how

    assert desk.memberships.join(holder, problem).state == "requested"
    assert len(desk.memberships.of_problem(setter, problem)) == 1


@pytest.mark.parametrize("status", ["completed", "archived"])
def test_nobody_joins_what_is_over(
    desk: WebDesk, setter: Actor, holder: Actor, status: str
) -> None:
    problem = desk.published(setter)
    member = desk.member("Mia", problem)
    client = desk.memberships.enrol(member, problem, "ward")
    desk.set_status(problem, status)

    for call in (
        lambda: desk.memberships.join(holder, problem),
        lambda: desk.memberships.enrol(member, problem, "lab"),
        lambda: desk.memberships.invite_text(member, problem, client.node_id),
    ):
        with pytest.raises(ConflictError, match=f"This problem is {status}"):
            call()
    desk.memberships.leave(member, problem)


def test_an_invite_is_the_same_text_until_it_is_used(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    problem = desk.published(setter)
    desk.memberships.join(holder, problem)
    client = desk.memberships.enrol(holder, problem, "ward 3")

    text = desk.memberships.invite_text(holder, problem, client.node_id)

    assert desk.memberships.invite_text(holder, problem, client.node_id) == text
    invite = Invite.parse(text)
    keys = desk.folder(problem).existing_keys()
    assert keys is not None
    invite.verify(keys.public_key("invite"), problem, desk.clock())
    assert (invite.title, invite.name, invite.node_id) == ("Relapse", "ward 3", client.node_id)
    assert invite.webserver == "192.0.2.1:20999"
    assert invite.expires_unix_s == desk.clock() + INVITE_DAYS * 86_400
    ports = desk.folder(problem).ports(2)
    assert invite.selectors == tuple(
        (f"127.0.0.1:{port}", f"selector-{number}.{problem}.fedota")
        for number, port in enumerate(ports.selectors, start=1)
    )
    with desk.database.session() as session:
        stored = session.get_one(ClientRow, client.node_id).model_dump_json()
    assert text.removeprefix("fedota1:")[:40] not in stored

    bind(desk, client.node_id)
    assert not desk.memberships.clients(holder, problem)[0].has_invite
    with pytest.raises(ConflictError, match="This invite was used"):
        desk.memberships.invite_text(holder, problem, client.node_id)


def test_invites_deal_the_selectors_out_in_turn(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    problem = desk.published(setter)
    desk.memberships.join(holder, problem)

    first = []
    for number in range(4):
        desk.clock.pass_by(1)
        client = desk.memberships.enrol(holder, problem, f"ward {number}")
        text = desk.memberships.invite_text(holder, problem, client.node_id)
        first.append(Invite.parse(text).selectors[0][1].split(".")[0])

    assert first == ["selector-1", "selector-2", "selector-1", "selector-2"]


def test_an_invite_that_is_not_used_in_time_is_given_out_no_more(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    problem = desk.published(setter)
    desk.memberships.join(holder, problem)
    client = desk.memberships.enrol(holder, problem, "ward")

    desk.clock.pass_by(INVITE_DAYS * 86_400 + 1)

    assert desk.memberships.clients(holder, problem)[0].state == "expired"
    with pytest.raises(ConflictError, match="not used in time"):
        desk.memberships.invite_text(holder, problem, client.node_id)
    assert desk.memberships.enrol(holder, problem, "ward").state == "never connected"


def test_an_invite_is_its_members_alone(desk: WebDesk, setter: Actor, holder: Actor) -> None:
    problem = desk.published(setter)
    other = desk.member("Mia", problem)
    desk.memberships.join(holder, problem)
    client = desk.memberships.enrol(holder, problem, "ward")

    with pytest.raises(NotFoundError):
        desk.memberships.invite_text(other, problem, client.node_id)
    with pytest.raises(ForbiddenError):
        desk.memberships.invite_text(setter, problem, client.node_id)


def test_clients_have_names_of_their_own_and_are_not_too_many(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    problem = desk.published(setter)
    desk.memberships.join(holder, problem)
    for name in ("", " ward", "ward.", "a\nb", "x" * 81, "<b>"):
        with pytest.raises(UsageError, match="cannot name a client"):
            desk.memberships.enrol(holder, problem, name)
    desk.memberships.enrol(holder, problem, "ward 0")
    with pytest.raises(ConflictError, match="a client ward 0 already"):
        desk.memberships.enrol(holder, problem, "ward 0")
    for number in range(1, CLIENTS_MAX):
        desk.memberships.enrol(holder, problem, f"ward {number}")
    with pytest.raises(ConflictError, match="more cannot be had"):
        desk.memberships.enrol(holder, problem, "one more")


@pytest.mark.parametrize("how", ["left", "revoked"])
@pytest.mark.parametrize("status", ["ready", "running", "completed"])
def test_the_end_of_a_membership_ends_each_of_its_clients(
    desk: WebDesk, setter: Actor, holder: Actor, how: str, status: str
) -> None:
    problem = desk.published(setter)
    other = desk.member("Mia", problem)
    desk.memberships.join(holder, problem)
    nodes = [desk.memberships.enrol(holder, problem, f"ward {n}").node_id for n in range(2)]
    desk.memberships.enrol(other, problem, "lab")
    bind(desk, nodes[0])
    desk.set_status(problem, status)
    woken = desk.woken

    if how == "left":
        desk.memberships.leave(holder, problem)
    else:
        desk.memberships.revoke(setter, problem, holder.user_id)

    # Unanswered: whichever coordinator attaches next is told.
    assert desk.commands(problem) == [("revoke", node) for node in sorted(nodes)]
    assert desk.woken == woken + 1
    assert [one.state for one in desk.memberships.clients(holder, problem)] == [how, how]
    assert desk.problems.view(holder, problem).membership == how
    with pytest.raises(ForbiddenError):
        desk.memberships.invite_text(holder, problem, nodes[1])
    with pytest.raises(ForbiddenError):
        desk.problems.export_model(holder, problem, desk.place / "out.keras")
    assert [one.state for one in desk.memberships.clients(other, problem)] == ["never connected"]


def test_clients_of_an_ended_membership_stay_ended_when_it_begins_anew(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    problem = desk.published(setter)
    desk.memberships.join(holder, problem)
    old = desk.memberships.enrol(holder, problem, "ward")
    desk.memberships.leave(holder, problem)

    desk.memberships.join(holder, problem)

    with pytest.raises(ConflictError):
        desk.memberships.invite_text(holder, problem, old.node_id)
    new = desk.memberships.enrol(holder, problem, "ward")
    assert {one.node_id: one.state for one in desk.memberships.clients(holder, problem)} == {
        old.node_id: "left",
        new.node_id: "never connected",
    }
    desk.memberships.leave(holder, problem)
    assert desk.commands(problem) == sorted(
        [("revoke", old.node_id), ("revoke", new.node_id)], key=lambda one: one[1]
    )


def test_whoever_was_revoked_needs_the_setters_word_also_where_anyone_may_join(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    problem = desk.published(setter)
    desk.memberships.join(holder, problem)
    desk.memberships.revoke(setter, problem, holder.user_id)

    assert desk.memberships.join(holder, problem).state == "requested"
    with pytest.raises(NotFoundError):
        desk.memberships.revoke(setter, problem, holder.user_id)


def test_every_step_is_in_the_log(desk: WebDesk, setter: Actor, holder: Actor) -> None:
    problem = desk.published(setter, admission="approval")
    begun = len(desk.audit(problem))

    desk.memberships.join(holder, problem)
    desk.memberships.decide(setter, problem, holder.user_id, True)
    desk.memberships.enrol(holder, problem, "ward")
    desk.memberships.leave(holder, problem)

    assert desk.audit(problem)[begun:] == [
        ("Hans", "join a problem"),
        ("Sara", "decide on requests to join"),
        ("Hans", "enrol a client"),
        ("Hans", "leave a problem"),
    ]


def test_a_problem_that_was_never_published_has_no_members(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    draft = desk.finished(setter)
    with pytest.raises(NotFoundError):
        desk.memberships.join(holder, draft)
    with desk.database.session() as session:
        assert membership_of(session, draft, holder.user_id) is None
        assert session.get_one(ProblemRow, draft).status == "draft"


def test_a_note_has_an_end(desk: WebDesk, setter: Actor, holder: Actor) -> None:
    with pytest.raises(UsageError, match="1001 characters"):
        desk.memberships.join(holder, desk.published(setter), "x" * 1001)
