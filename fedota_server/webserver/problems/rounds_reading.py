"""What became of a problem's rounds."""

from __future__ import annotations

from typing import Any

from sqlmodel import col, or_, select

from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.problems.use_cases import UseCases, find_problem
from fedota_server.webserver.tables import (
    ClientRow,
    EvaluationRow,
    MembershipRow,
    RoundRow,
    UpdateRow,
    User,
)
from fedota_server.webserver.views.round import EvaluationView, RoundView, UpdateView

ROUNDS_MAX = 5000
UPDATES_MAX = 5000


class RoundsReading(UseCases):
    """Rounds, evaluations, updates."""

    def rounds(
        self,
        actor: Actor,
        problem_id: str,
        *,
        generation: int | None = None,
        superseded: bool = False,
        before: int | None = None,
        limit: int = 500,
    ) -> list[RoundView]:
        """List the newest rounds that ended, oldest first.

        Parameters
        ----------
        generation
            Only this one's; None: all that no roll-back superseded.
        superseded
            Whether those that a roll-back superseded are listed, too.
        before
            Only those before this `RoundView.row_id`.
        limit
            How many at most.
        """
        with self._database.session() as session:
            find_problem(session, actor, problem_id, Action.SEE_PROBLEM)
            query = select(RoundRow).where(col(RoundRow.problem_id) == problem_id)
            if generation is None and not superseded:
                query = query.where(col(RoundRow.superseded).is_(False))
            elif generation is not None:
                query = query.where(col(RoundRow.generation) == generation)
            if before is not None:
                query = query.where(col(RoundRow.id) < before)
            query = query.order_by(col(RoundRow.id).desc()).limit(min(limit, ROUNDS_MAX))
            found = session.exec(query).all()
        return [_round_view(row) for row in reversed(found)]

    def evaluations(
        self,
        actor: Actor,
        problem_id: str,
        *,
        first: int = 0,
        last: int | None = None,
        most: int | None = None,
    ) -> list[EvaluationView]:
        """List how completed rounds' models scored, in the order of the rounds.

        Parameters
        ----------
        first, last
            Only of these rounds, both included; None: up to the newest.
        most
            Of about how many rounds at most, for a picture: the newest two and, evenly spread
            from the first on, others; None: of all.
        """
        with self._database.session() as session:
            row = find_problem(session, actor, problem_id, Action.SEE_PROBLEM)
            query = select(EvaluationRow).where(
                col(EvaluationRow.problem_id) == problem_id,
                col(EvaluationRow.server_round) >= first,
            )
            if last is not None:
                query = query.where(col(EvaluationRow.server_round) <= last)
            every = 1 if most is None else -(-row.completed_round // most)
            if every > 1:
                query = query.where(
                    or_(
                        col(EvaluationRow.server_round) % every == 1,
                        col(EvaluationRow.server_round) >= row.completed_round - 1,
                    )
                )
            found = session.exec(
                query.order_by(
                    col(EvaluationRow.generation),
                    col(EvaluationRow.server_round),
                    col(EvaluationRow.source),
                )
            ).all()
        return [
            EvaluationView(
                generation=row.generation,
                server_round=row.server_round,
                source=row.source,
                metrics=dict(row.metrics),
                clients=row.clients,
                weight=row.weight,
                superseded=row.superseded,
                unix_s=row.unix_s,
            )
            for row in found
        ]

    def updates(
        self,
        actor: Actor,
        problem_id: str,
        server_round: int | None = None,
        *,
        generation: int | None = None,
        limit: int = 500,
    ) -> list[UpdateView]:
        """List what became of updates, newest first, for owner and admin.

        Parameters
        ----------
        server_round, generation
            Only of these; None: of all.
        """
        with self._database.session() as session:
            find_problem(session, actor, problem_id, Action.SEE_MEMBERS)
            query = (
                select(UpdateRow, ClientRow.name, User.name)
                .join(ClientRow, col(ClientRow.node_id) == col(UpdateRow.node_id), isouter=True)
                .join(
                    MembershipRow,
                    col(MembershipRow.id) == col(ClientRow.membership_id),
                    isouter=True,
                )
                .join(User, col(User.id) == col(MembershipRow.user_id), isouter=True)
                .where(col(UpdateRow.problem_id) == problem_id)
            )
            if server_round is not None:
                query = query.where(col(UpdateRow.server_round) == server_round)
            if generation is not None:
                query = query.where(col(UpdateRow.generation) == generation)
            query = query.order_by(col(UpdateRow.id).desc()).limit(min(limit, UPDATES_MAX))
            found = session.exec(query).all()
        return [update_view(row, client or "", member or "") for row, client, member in found]


def _round_view(row: RoundRow) -> RoundView:
    fields: dict[str, Any] = row.model_dump(exclude={"id", "problem_id"})
    return RoundView(row_id=row.id or 0, **fields)


def update_view(row: UpdateRow, client: str, member: str) -> UpdateView:
    """Show an update."""
    fields: dict[str, Any] = row.model_dump(exclude={"id", "problem_id"})
    return UpdateView(client=client, member=member, **fields)
