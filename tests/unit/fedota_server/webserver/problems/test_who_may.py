"""Who may do what with problems and memberships: every kind of person, every use case."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from support.checkpoints import save_checkpoint
from support.web_desk import DATA, ROUNDS, TEST_TABLE, WebDesk

from fedota_proto.errors import FedotaError, ForbiddenError, NotFoundError, SignInError
from fedota_server.webserver.permissions import NOBODY, Actor, Role, machine_actor
from fedota_server.webserver.problems.draft_content import write_toml
from fedota_server.webserver.problems.use_cases import new_id
from fedota_server.webserver.tables import (
    ClientRow,
    CommandRow,
    JobRow,
    MembershipRow,
    ProblemRow,
    ServerRow,
)

OWNER = {"owner", "admin", "machine"}
SIGNED_IN = OWNER | {"setter", "holder", "member", "asker"}
COMMAND = "c" * 32


class Scene:
    """People, and copies of one problem: a member, one who asks to join, a client, a command."""

    def __init__(self, desk: WebDesk) -> None:
        self.desk = desk
        self.owner = desk.person("Olga", Role.SETTER)
        self.member = desk.person("Mia", Role.HOLDER)
        self.asker = desk.person("Anna", Role.HOLDER)
        self.people = {
            "owner": self.owner,
            "admin": desk.person("Ada", Role.ADMIN),
            "machine": machine_actor("root"),
            "setter": desk.person("Sven", Role.SETTER),
            "holder": desk.person("Hans", Role.HOLDER),
            "member": self.member,
            "asker": self.asker,
            "nobody": NOBODY,
        }
        self.draft = desk.finished(self.owner)
        self.ready = desk.published(self.owner)
        save_checkpoint(desk.folder(self.ready), 2, state=True)
        self.problem = ""
        self.node_id = 0
        self.job = ""

    def make(self, status: str) -> None:
        """Make a copy of the problem in a status."""
        desk, source = self.desk, self.draft if status == "draft" else self.ready
        self.problem, self.job = new_id(), new_id()
        shutil.copytree(desk.folder(source).folder, desk.folder(self.problem).folder)
        fields = desk.row(source).model_dump()
        desk.add(ProblemRow(**{**fields, "id": self.problem, "status": status}))
        desk.add(JobRow(id=self.job, problem_id=self.problem, kind="inspect", created_unix_s=0.0))
        if status == "draft":
            return
        members = [
            MembershipRow(
                problem_id=self.problem, user_id=who.user_id, state=state, requested_unix_s=0.0
            )
            for who, state in ((self.member, "approved"), (self.asker, "requested"))
        ]
        desk.add(*members)
        self.node_id = int(self.problem, 16)
        desk.add(
            ClientRow(
                node_id=self.node_id,
                problem_id=self.problem,
                membership_id=members[0].id or 0,
                name="first",
                created_unix_s=0.0,
                expires_unix_s=desk.clock() + 1,
            ),
            CommandRow(
                id=COMMAND[12:] + self.problem,
                problem_id=self.problem,
                what="revoke",
                created_unix_s=0.0,
            ),
            ServerRow(
                problem_id=self.problem, name="coordinator", state="running", since_unix_s=0.0
            ),
        )


Call = Callable[[Scene, Actor], object]


@dataclass(frozen=True)
class Case:
    """A use case: whose call of it is carried out, and in which status of the problem."""

    name: str
    may: set[str]
    call: Call
    status: str = "ready"


def of_draft(name: str, call: Call) -> Case:
    return Case(name, OWNER, call, "draft")


DATA_TOML = write_toml({"data": DATA})
PROBLEMS: list[Case] = [
    Case("create", {"owner", "setter"}, lambda s, a: s.desk.problems.create(a, "Another")),
    of_draft("draft", lambda s, a: s.desk.problems.draft(a, s.problem)),
    of_draft("view", lambda s, a: s.desk.problems.view(a, s.problem)),
    of_draft("format_toml", lambda s, a: s.desk.problems.format_toml(a, s.problem)),
    of_draft("rounds", lambda s, a: s.desk.problems.rounds(a, s.problem)),
    of_draft("set_about", lambda s, a: s.desk.problems.set_about(a, s.problem, "New", "")),
    of_draft("set_data", lambda s, a: s.desk.problems.set_data(a, s.problem, DATA)),
    of_draft("set_data_toml", lambda s, a: s.desk.problems.set_data_toml(a, s.problem, DATA_TOML)),
    of_draft("import_toml", lambda s, a: s.desk.problems.import_toml(a, s.problem, DATA_TOML)),
    of_draft(
        "propose_data",
        lambda s, a: s.desk.problems.propose_data(a, s.problem, s.desk.upload(TEST_TABLE)),
    ),
    of_draft(
        "sketch", lambda s, a: s.desk.problems.sketch(a, s.problem, s.desk.upload(TEST_TABLE))
    ),
    of_draft(
        "set_strategy", lambda s, a: s.desk.problems.set_strategy(a, s.problem, "FedMedian", {})
    ),
    of_draft("set_rounds", lambda s, a: s.desk.problems.set_rounds(a, s.problem, ROUNDS)),
    of_draft(
        "set_training", lambda s, a: s.desk.problems.set_training(a, s.problem, {"batch_size": 8})
    ),
    of_draft("set_privacy", lambda s, a: s.desk.problems.set_privacy(a, s.problem, None)),
    of_draft("set_admission", lambda s, a: s.desk.problems.set_admission(a, s.problem, "anyone")),
    of_draft("set_selectors", lambda s, a: s.desk.problems.set_selectors(a, s.problem, 3)),
    of_draft(
        "take_model",
        lambda s, a: s.desk.problems.take_model(a, s.problem, s.desk.model(), "m.keras"),
    ),
    of_draft(
        "take_test_file",
        lambda s, a: s.desk.problems.take_test_file(
            a, s.problem, s.desk.upload(TEST_TABLE), "t.csv"
        ),
    ),
    of_draft("remove_test_file", lambda s, a: s.desk.problems.remove_test_file(a, s.problem)),
    of_draft("dry_run", lambda s, a: s.desk.problems.dry_run(a, s.problem)),
    of_draft("publish", lambda s, a: s.desk.problems.publish(a, s.problem)),
    of_draft("delete_draft", lambda s, a: s.desk.problems.delete_draft(a, s.problem)),
    Case("copy", {"owner"}, lambda s, a: s.desk.problems.copy(a, s.problem)),
    Case("start", OWNER, lambda s, a: s.desk.problems.start(a, s.problem)),
    Case("pause", OWNER, lambda s, a: s.desk.problems.pause(a, s.problem), "running"),
    Case("resume", OWNER, lambda s, a: s.desk.problems.resume(a, s.problem), "paused"),
    Case("stop", OWNER, lambda s, a: s.desk.problems.stop(a, s.problem), "running"),
    Case("roll_back", OWNER, lambda s, a: s.desk.problems.roll_back(a, s.problem, 2), "completed"),
    Case("scale", OWNER, lambda s, a: s.desk.problems.scale(a, s.problem, 3)),
    Case("archive", OWNER, lambda s, a: s.desk.problems.archive(a, s.problem), "completed"),
    Case(
        "command",
        OWNER,
        lambda s, a: s.desk.problems.command(a, s.problem, COMMAND[12:] + s.problem),
    ),
    Case("job", OWNER, lambda s, a: s.desk.jobs.view(a, s.job)),
    Case("jobs", OWNER, lambda s, a: s.desk.jobs.of_problem(a, s.problem)),
    Case("catalogue", SIGNED_IN, lambda s, a: s.desk.problems.catalogue(a)),
    Case("own", SIGNED_IN, lambda s, a: s.desk.problems.own(a)),
    Case("all", {"admin", "machine"}, lambda s, a: s.desk.problems.all(a)),
    Case("view", SIGNED_IN, lambda s, a: s.desk.problems.view(a, s.problem)),
    Case("format_toml", SIGNED_IN, lambda s, a: s.desk.problems.format_toml(a, s.problem)),
    Case("rounds", SIGNED_IN, lambda s, a: s.desk.problems.rounds(a, s.problem)),
    Case("evaluations", SIGNED_IN, lambda s, a: s.desk.problems.evaluations(a, s.problem)),
    Case("kept_rounds", SIGNED_IN, lambda s, a: s.desk.problems.kept_rounds(a, s.problem)),
    Case("updates", OWNER, lambda s, a: s.desk.problems.updates(a, s.problem)),
    Case("members", OWNER, lambda s, a: s.desk.problems.members(a, s.problem)),
    Case("changes", OWNER, lambda s, a: s.desk.problems.changes(a, s.problem)),
    Case("servers", OWNER, lambda s, a: s.desk.problems.servers(a, s.problem)),
    Case("servers of all", {"admin", "machine"}, lambda s, a: s.desk.problems.servers(a)),
    Case("logs", OWNER, lambda s, a: s.desk.problems.logs(a, s.problem, "coordinator")),
    Case(
        "export_model",
        OWNER | {"member"},
        lambda s, a: s.desk.problems.export_model(a, s.problem, s.desk.place / "out.keras"),
        "completed",
    ),
]
MEMBERSHIPS: list[Case] = [
    Case("join a draft", set(), lambda s, a: s.desk.memberships.join(a, s.problem), "draft"),
    Case("join", {"holder"}, lambda s, a: s.desk.memberships.join(a, s.problem)),
    Case("withdraw", {"asker"}, lambda s, a: s.desk.memberships.withdraw(a, s.problem)),
    Case(
        "decide",
        OWNER,
        lambda s, a: s.desk.memberships.decide(a, s.problem, s.asker.user_id, True),
    ),
    Case("revoke", OWNER, lambda s, a: s.desk.memberships.revoke(a, s.problem, s.member.user_id)),
    Case("leave", {"member"}, lambda s, a: s.desk.memberships.leave(a, s.problem)),
    Case("enrol", {"member"}, lambda s, a: s.desk.memberships.enrol(a, s.problem, "north")),
    Case(
        "invite_text",
        {"member"},
        lambda s, a: s.desk.memberships.invite_text(a, s.problem, s.node_id),
    ),
    Case("mine", SIGNED_IN, lambda s, a: s.desk.memberships.mine(a)),
    Case("of_problem", OWNER, lambda s, a: s.desk.memberships.of_problem(a, s.problem)),
    Case("requests", SIGNED_IN, lambda s, a: s.desk.memberships.requests(a)),
    Case("clients", SIGNED_IN, lambda s, a: s.desk.memberships.clients(a, s.problem)),
    Case("my_part", SIGNED_IN, lambda s, a: s.desk.memberships.my_part(a, s.problem)),
]
# Whoever is refused as well, for another reason than who they are: those who take part already.
CONFLICTING = {
    ("join", "member"),
    ("join", "asker"),
    ("withdraw", "holder"),
    ("withdraw", "member"),
}


@pytest.mark.parametrize("cases", [PROBLEMS, MEMBERSHIPS], ids=["problems", "memberships"])
def test_every_use_case_asks_who_calls_it(desk: WebDesk, cases: list[Case]) -> None:
    scene = Scene(desk)
    wrong = []
    for case in cases:
        scene.make(case.status)
        for kind, actor in scene.people.items():
            before = len(desk.audit())
            try:
                case.call(scene, actor)
            except (SignInError, ForbiddenError, NotFoundError) as error:
                found = type(error).__name__
                changed = len(desk.audit()) != before
            except FedotaError as error:
                found, changed = f"{type(error).__name__}: {error.public_message}", False
                if (case.name, kind) in CONFLICTING:
                    continue
            else:
                found, changed = "carried out", False
                if len(desk.audit()) != before:
                    scene.make(case.status)
            expected = (
                "carried out" if kind in case.may
                else "SignInError" if kind == "nobody"
                else "NotFoundError" if case.status == "draft" and kind not in OWNER
                else "ForbiddenError"
            )  # fmt: skip
            if found != expected or changed:
                wrong.append(f"{case.name} ({case.status}) by {kind}: {found}, not {expected}")
    assert wrong == []


def test_every_use_case_is_in_the_table(desk: WebDesk) -> None:
    """Nobody adds a use case without saying who may call it."""
    known = {case.name for case in (*PROBLEMS, *MEMBERSHIPS)}
    for room in (desk.problems, desk.memberships):
        public = {name for name in dir(room) if not name.startswith("_")}
        assert public <= known


def test_a_setter_who_is_one_no_more_does_not_even_see_the_draft(
    desk: WebDesk, setter: Actor
) -> None:
    draft = desk.problems.create(setter, "Mine")
    demoted = Actor(setter.user_id, setter.name, frozenset({Role.HOLDER}))

    with pytest.raises(NotFoundError):
        desk.problems.draft(demoted, draft)
