"""Problems in a platform for tests of pages: as if they had been published and had trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.tables import (
    ClientRow,
    EvaluationRow,
    JobRow,
    ProblemRow,
    RoundRow,
    ServerRow,
    UpdateRow,
)
from support.web import Web

NASTY = "Tumours <b onclick=alert(1)>benign</b> *or* `malignant`"
DESCRIPTION = "**Nuclei** <script>alert(1)</script> ![pixel](https://tracker.example/p.png)"
SECTIONS: dict[str, dict[str, Any]] = {
    "data": {
        "kind": "table",
        "minimum_examples": 12,
        "columns": [
            {"name": "age", "type": "integer", "unit": "years", "minimum": 0, "maximum": 120},
            {"name": "stage", "type": "category", "allowed": ["I", "II"]},
            {"name": "relapse", "type": "boolean", "target": True},
        ],
    },
    "strategy": {"name": "FedAvg"},
    "rounds": {"rounds": 20, "goal_count": 5, "reporting_deadline_s": 60},
}
MODEL: dict[str, Any] = {
    "state": "fine",
    "file_bytes": 20_480,
    "layers": [
        {"name": "dense", "type": "Dense", "shape": "(batch, 3)", "parameters": 9},
        {"name": "out", "type": "Dense", "shape": "(batch, 1)", "parameters": 4},
    ],
    "parameters": 13,
    "size_bytes": 52,
    "arrays": [
        {"name": "layers/dense/vars/0", "dtype": "float32", "shape": [2, 3], "trainable": True},
        {"name": "layers/out/vars/0", "dtype": "float32", "shape": [3, 1], "trainable": True},
    ],
    "optimizer": "adam",
    "loss": "binary_crossentropy",
    "metrics": ["loss", "accuracy"],
    "inputs": ["columns"],
    "keras_version": "3.15.0",
}


@dataclass
class WebProblems:
    """Writes rows where the supervisor and the coordinators would.

    Parameters
    ----------
    web
        Whose platform.
    """

    web: Web

    def draft(self, setter: Actor, title: str = NASTY, *, whole: bool = True) -> str:
        """Make a draft, with everything but a dry run if it is to be whole."""
        problems = self.web.platform.problems
        pid = problems.create(setter, title)
        if whole:
            problems.set_about(setter, pid, title, DESCRIPTION)
            self.change(
                pid,
                draft=SECTIONS,
                model_name="model.keras",
                model_sha256="ab" * 32,
                model_summary=MODEL,
            )
        return pid

    def publish(self, setter: Actor, title: str = NASTY, **fields: Any) -> str:
        """Make a published problem; `fields` are those of its row."""
        pid = self.draft(setter, title)
        self.change(pid, **{"status": "ready", "rounds": 20, "published_unix_s": 1.7e9, **fields})
        return pid

    def give_keys(self, pid: str) -> None:
        """Give a problem what publishing would: keys and ports, which its invites name."""
        platform = self.web.platform
        folder = ProblemFolder(platform.settings.home / "problems" / pid)
        folder.keys(platform.home.authority()).selector(1)
        folder.ports(1, "127.0.0.1", span=(20_000, 29_999))

    def change(self, pid: str, **fields: Any) -> None:
        """Change a problem's row."""
        with self.web.platform.database.session() as session, session.begin():
            row = session.get(ProblemRow, pid)
            assert row is not None
            for name, value in fields.items():
                setattr(row, name, value)
            session.add(row)

    def add(self, *rows: object) -> None:
        """Add rows of any table."""
        with self.web.platform.database.session() as session, session.begin():
            session.add_all(rows)

    def train(self, pid: str, rounds: int, **fields: Any) -> None:
        """Let rounds have been completed, and evaluated on both kinds of examples."""
        rows: list[object] = []
        for server_round in range(1, rounds + 1):
            rows.append(
                RoundRow(
                    **{
                        "problem_id": pid,
                        "generation": 0,
                        "server_round": server_round,
                        "attempt": 1,
                        "completed": True,
                        "admitted": 5,
                        "reported": 4,
                        "rejected": 1,
                        "weight": 400.0,
                        "stage_s": {"selection": 1.0, "configuration": 0.5, "reporting": 30.0},
                        "received_bytes": 5000,
                        "sent_bytes": 7000,
                        "ended_unix_s": 1.7e9 + server_round,
                        **fields,
                    }
                )
            )
            rows += [
                EvaluationRow(
                    problem_id=pid,
                    generation=0,
                    server_round=server_round,
                    source=source,
                    metrics={"loss": 1.0 / server_round, "accuracy": 0.9},
                    clients=4,
                    weight=80.0,
                    unix_s=1.7e9 + server_round,
                )
                for source in ("federated", "test file")
            ]
        self.add(*rows)

    def clock(self, pid: str, stage: str = "reporting", **fields: Any) -> None:
        """Let the problem's coordinator have sent a snapshot just now."""
        values = {
            "rounds": 20,
            "waiting": 0,
            "cohort": 6,
            "reported": 4,
            "goal": 5,
            "minimum": 3,
            "closes_in_s": 130.0,
            **fields,
        }
        key = records_pb.RoundKey(generation=0, server_round=3, attempt=1)
        clock = round_pb.Clock(round=key, stage=stage, **values)
        self.web.platform.live.take(pid, pb.StatusClock(state="running", clock=clock))

    def job(self, pid: str, kind: str, state: str, message: str, *steps: str) -> None:
        """Add a job as the job desk would leave it."""
        ended = 1.7e9 + 9 if state in ("done", "failed") else None
        self.add(
            JobRow(
                id=f"{len(steps)}{kind[:3]}{state}"[:12],
                problem_id=pid,
                kind=kind,
                state=state,
                message=message,
                steps=list(steps),
                created_unix_s=1.7e9,
                started_unix_s=1.7e9 + 1,
                ended_unix_s=ended,
            )
        )

    def client(self, holder: Actor, pid: str, name: str) -> int:
        """Enrol a client of a holder, who joins if need be; return its node id."""
        memberships = self.web.platform.memberships
        if pid not in {one.problem_id for one in memberships.mine(holder)}:
            memberships.join(holder, pid)
        return memberships.enrol(holder, pid, name).node_id

    def change_client(self, node_id: int, **fields: Any) -> None:
        """Change a client's row."""
        with self.web.platform.database.session() as session, session.begin():
            row = session.get(ClientRow, node_id)
            assert row is not None
            for name, value in fields.items():
                setattr(row, name, value)
            session.add(row)

    def server(self, pid: str, name: str, state: str, detail: str = "") -> None:
        """Add a server as the supervisor would see it."""
        self.add(
            ServerRow(
                problem_id=pid,
                name=name,
                state=state,
                address="127.0.0.1:20001",
                detail=detail,
                starts=1,
                since_unix_s=1.7e9,
            )
        )

    def update(self, pid: str, node_id: int, server_round: int, outcome: str, **more: Any) -> None:
        """Let an update of a client have been settled."""
        self.add(
            UpdateRow(
                problem_id=pid,
                node_id=node_id,
                generation=0,
                server_round=server_round,
                attempt=1,
                kind="train",
                outcome=outcome,
                weight=100.0,
                size_bytes=1250,
                unix_s=1.7e9,
                **more,
            )
        )
