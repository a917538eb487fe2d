"""A platform with much on it: 200 problems, 10,000 rounds, and all that belongs to them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session, SQLModel, col, delete, insert, select

from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.tables import (
    AuditRow,
    ClientRow,
    EvaluationRow,
    EventRow,
    JobRow,
    MembershipRow,
    ProblemRow,
    RoundRow,
    ServerRow,
    UpdateRow,
    User,
)

PROBLEMS = 200
ROUNDS = 10_000
LONG_ROUNDS = 1_000
USERS = 300
LONG_MEMBERS, MEMBERS = 20, 4
_EXAMPLE = Path(__file__).parents[1] / "examples" / "breast-cancer"
_STATUSES = ("ready", "completed", "completed", "failed", "paused")
_ROUND_S = 60.0
_SETTERS = 10
_AUDIT = 10_000
_BATCH = 5_000


@dataclass(frozen=True)
class Crowded:
    """What the bench looks at.

    Parameters
    ----------
    token
        Of the administrator's session, who owns the long problem and takes part in many.
    problem_id
        Of the problem of 1,000 rounds.
    """

    token: str
    problem_id: str


def fill(home: Path) -> Crowded:
    """Fill a platform that does not run yet."""
    platform = Platform.open(WebserverSettings(home=home))
    platform.home.init()
    platform.database.migrate()
    accounts = platform.accounts
    token = accounts.set_up(
        accounts.setup_code(), "admin@bench.example", "Admin", "bench bench bench"
    )
    account = accounts.by_session(token)
    if account is None:
        raise RuntimeError("the administrator cannot sign in")
    try:
        problem_id = _long_problem(platform, account.actor)
        with platform.database.session() as session, session.begin():
            _fill_rows(session, problem_id, account.user_id)
    finally:
        platform.database.close()
    return Crowded(token, problem_id)


def _long_problem(platform: Platform, actor: Actor) -> str:
    """Write the example as a setter would, and give it keys and ports as publishing would."""
    problems = platform.problems
    problem_id = problems.create(actor, "Breast tumours, benign or malignant")
    problems.import_toml(actor, problem_id, (_EXAMPLE / "problem.toml").read_text())
    uploads = platform.settings.home / "uploads"
    uploads.mkdir(exist_ok=True)
    upload = uploads / "model.keras"
    shutil.copyfile(_EXAMPLE / "model.keras", upload)
    problems.take_model(actor, problem_id, upload, upload.name)
    folder = ProblemFolder(platform.settings.home / "problems" / problem_id)
    folder.begin(problem_id, time.time())
    folder.keys(platform.home.authority()).selector(1)
    folder.ports(2, "127.0.0.1", span=(20_000, 29_999))
    return problem_id


def _fill_rows(session: Session, long_id: str, admin_id: int) -> None:
    now = time.time()
    _insert(session, User, _users(now))
    ids = list(session.exec(select(User.id).where(col(User.id) != admin_id)))
    people = [one for one in ids if one is not None]
    session.exec(delete(JobRow))
    long = session.get(ProblemRow, long_id)
    if long is None:
        raise RuntimeError("the long problem is not there")
    summary = {**long.model_summary, "state": "fine"}
    long.status, long.admission, long.model_summary = "running", "anyone", summary
    long.rounds, long.completed_round = LONG_ROUNDS + 500, LONG_ROUNDS
    long.kept_rounds, long.published_unix_s = [LONG_ROUNDS], now
    session.add(long)
    session.flush()
    pattern = long.model_dump()
    others, left = PROBLEMS - 1, ROUNDS - LONG_ROUNDS
    rounds_of = {long_id: LONG_ROUNDS}
    rows = []
    for place in range(others):
        count = left // others + (place < left % others)
        problem_id = f"{place:012x}"
        rounds_of[problem_id] = count
        rows.append(
            {
                **pattern,
                "id": problem_id,
                "owner_id": people[place % _SETTERS],
                "title": f"Problem {place}: who relapses within {place} months?",
                "status": _STATUSES[place % len(_STATUSES)],
                "rounds": count,
                "completed_round": count,
                "kept_rounds": [count],
                "created_unix_s": now - place * 3_600,
                "updated_unix_s": now - place * 3_600,
                "published_unix_s": now - place * 3_600,
            }
        )
    _insert(session, ProblemRow, rows)
    for place, (problem_id, count) in enumerate(rounds_of.items()):
        members = LONG_MEMBERS if problem_id == long_id else MEMBERS
        first = place % (len(people) - members)
        holders = [admin_id, *people[first : first + members - 1]]
        _fill_problem(session, problem_id, place, holders, count, now)
    _insert(session, AuditRow, _audit(now, list(rounds_of)))


def _users(now: float) -> Iterator[dict[str, Any]]:
    for number in range(USERS):
        yield {
            "email": f"person-{number:03}@bench.example",
            "name": f"Person {number:03}",
            "is_admin": False,
            "is_setter": number < _SETTERS,
            "is_holder": True,
            "disabled": False,
            "must_change_password": False,
            "created_unix_s": now,
        }


def _audit(now: float, problem_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number in range(_AUDIT):
        yield {
            "unix_s": now - (_AUDIT - number) * 30,
            "actor_id": 1,
            "actor": f"Person {number % USERS:03}",
            "action": "pause a problem" if number % 2 else "resume a problem",
            "problem_id": problem_ids[number % len(problem_ids)],
            "subject": "",
            "detail": "",
        }


def _fill_problem(
    session: Session, problem_id: str, place: int, holders: Sequence[int], count: int, now: float
) -> None:
    """Add members, clients, servers, and what became of each round."""
    nodes = []
    for number, user_id in enumerate(holders):
        membership = MembershipRow(
            problem_id=problem_id,
            user_id=user_id,
            state="approved",
            requested_unix_s=now,
            decided_unix_s=now,
        )
        session.add(membership)
        session.flush()
        nodes.append(1 + place * 1_000 + number)
        session.add(
            ClientRow(
                node_id=nodes[-1],
                problem_id=problem_id,
                membership_id=membership.id or 0,
                name=f"client-{number}",
                created_unix_s=now,
                expires_unix_s=now + 86_400,
                bound_unix_s=now,
                last_change="gone",
                last_change_unix_s=now,
                selector="selector-1",
            )
        )
    for name in ("coordinator", "selector-1", "selector-2"):
        session.add(
            ServerRow(problem_id=problem_id, name=name, state="stopped", starts=1, since_unix_s=now)
        )
    session.flush()
    numbers = range(1, count + 1)
    _insert(session, RoundRow, (_round(problem_id, one, count, nodes, now) for one in numbers))
    _insert(session, EvaluationRow, (_evaluation(problem_id, one, nodes, now) for one in numbers))
    _insert(
        session,
        UpdateRow,
        (_update(problem_id, one, node, now) for one in numbers for node in nodes),
    )
    _insert(session, EventRow, (_event(problem_id, one, now) for one in range(1, 3 * count + 1)))


def _round(
    problem_id: str, number: int, count: int, nodes: Sequence[int], now: float
) -> dict[str, Any]:
    return {
        **_key(problem_id, number),
        "attempt": 1,
        "completed": True,
        "superseded": False,
        "reason": "",
        "abandoned_in": "",
        "admitted": len(nodes),
        "reported": len(nodes) - 1,
        "failed": 1,
        "rejected": 0,
        "weight": 370.0,
        "train_metrics": {"loss": 1 / number, "accuracy": 0.9},
        "stage_s": {"selection": 1.5, "configuration": 0.5, "reporting": 30.0, "evaluation": 4.0},
        "received_bytes": 50_000,
        "sent_bytes": 70_000,
        "ended_unix_s": now - (count - number) * _ROUND_S,
    }


def _evaluation(problem_id: str, number: int, nodes: Sequence[int], now: float) -> dict[str, Any]:
    return {
        **_key(problem_id, number),
        "source": "federated",
        "metrics": {"loss": 1 / number, "accuracy": 0.9},
        "clients": len(nodes),
        "weight": 85.0,
        "superseded": False,
        "unix_s": now,
    }


def _update(problem_id: str, number: int, node: int, now: float) -> dict[str, Any]:
    late = (number + node) % 20 == 0
    return {
        **_key(problem_id, number),
        "node_id": node,
        "attempt": 1,
        "kind": "train",
        "outcome": "late" if late else "counted",
        "code": "",
        "reason": "",
        "weight": 90.0,
        "size_bytes": 12_500,
        "unix_s": now,
    }


def _event(problem_id: str, seq: int, now: float) -> dict[str, Any]:
    return {
        "problem_id": problem_id,
        "journal": 0,
        "seq": seq,
        "unix_s": now,
        "kind": "stage",
        "body": f'{{"seq":"{seq}","stage":{{"stage":"reporting"}}}}',
    }


def _key(problem_id: str, number: int) -> dict[str, Any]:
    return {"problem_id": problem_id, "generation": 0, "server_round": number}


def _insert(session: Session, table: type[SQLModel], rows: Any) -> None:
    batch = list(rows)
    for first in range(0, len(batch), _BATCH):
        session.execute(insert(table), batch[first : first + _BATCH])
