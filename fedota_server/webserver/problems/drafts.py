"""A draft: begun, and written step by step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlmodel import Session

from fedota_proto.errors import ProblemFileError, UsageError
from fedota_server.problem_template import choose_target
from fedota_server.table_sketch import ColumnSketch, sketch_table
from fedota_server.webserver.audit import record
from fedota_server.webserver.permissions import Action, Actor, require
from fedota_server.webserver.problems.draft_content import (
    MODEL_FILE,
    check_sections,
    read_toml,
)
from fedota_server.webserver.problems.use_cases import UseCases, find_problem, new_id
from fedota_server.webserver.statuses import Status, refuse_unless
from fedota_server.webserver.tables import ProblemRow

ADMISSIONS = ("anyone", "approval")
SELECTORS_MAX = 100


class Drafts(UseCases):
    """Every step is saved by itself, checked by itself; what is still missing may stay missing."""

    def create(self, actor: Actor, title: str) -> str:
        """Begin a draft.

        Returns
        -------
        str
            The problem's id.

        Raises
        ------
        ForbiddenError
            The actor is no problem setter.
        ProblemFileError
            The title cannot be used.
        """
        require(actor, Action.CREATE_PROBLEM)
        about = _checked_about(title, "")
        now = self._clock()
        row = ProblemRow(
            id=new_id(),
            owner_id=actor.user_id,
            title=about["title"],
            created_unix_s=now,
            updated_unix_s=now,
        )
        self._folder(row.id).begin(row.id, now)
        with self._database.session() as session, session.begin():
            session.add(row)
            record(session, now, actor, Action.CREATE_PROBLEM, problem_id=row.id, detail=title)
        return row.id

    def set_about(self, actor: Actor, problem_id: str, title: str, description: str) -> None:
        """Save title and description (Markdown).

        Raises
        ------
        ProblemFileError
            With all mistakes.
        """
        about = _checked_about(title, description)

        def change(row: ProblemRow) -> None:
            row.title, row.description = about["title"], about["description"]

        self._edit(actor, problem_id, "title and description", change)

    def set_data(self, actor: Actor, problem_id: str, data: Mapping[str, Any]) -> None:
        """Save the section ``[data]``; its columns are a list under ``columns``.

        Raises
        ------
        ProblemFileError
            With all mistakes.
        """
        self._set_section(actor, problem_id, "data", data)

    def set_data_toml(self, actor: Actor, problem_id: str, text: str) -> None:
        """Save the ``[data]`` part of a problem.toml.

        Raises
        ------
        ProblemFileError
            The text is no TOML, has no such part, or with all mistakes.
        """
        document = read_toml(text)
        if "data" not in document:
            raise ProblemFileError("The text has no section [data].", ("There is no [data].",))
        self._set_section(actor, problem_id, "data", document["data"])

    def propose_data(
        self, actor: Actor, problem_id: str, sample: Path, target: str = ""
    ) -> dict[str, Any]:
        """Propose the section ``[data]`` from a sample table; neither is kept.

        Parameters
        ----------
        sample
            A CSV file whose first row names the columns.
        target
            What is predicted; empty: the last column that can be used.

        Returns
        -------
        dict
            The section, of those columns that a model can use; `sketch` says why others cannot.

        Raises
        ------
        DataError
            The file is no table.
        UsageError
            There is no such target.
        """
        columns = self.sketch(actor, problem_id, sample)
        chosen = choose_target(columns, target)
        return {
            "kind": "table",
            "minimum_examples": 10,
            "columns": [_column(c, target=c.name == chosen) for c in columns if c.type],
        }

    def sketch(self, actor: Actor, problem_id: str, sample: Path) -> list[ColumnSketch]:
        """Describe each column of a sample table, which is not kept.

        Raises
        ------
        DataError
            The file is no table.
        """
        self._readable_draft(actor, problem_id)
        return sketch_table(sample)

    def set_strategy(
        self, actor: Actor, problem_id: str, name: str, parameters: Mapping[str, Any]
    ) -> None:
        """Save the strategy and its parameters.

        Raises
        ------
        ProblemFileError
            With all mistakes.
        """
        self._set_section(actor, problem_id, "strategy", {"name": name, **parameters})

    def set_rounds(self, actor: Actor, problem_id: str, rounds: Mapping[str, Any]) -> None:
        """Save the section ``[rounds]``.

        Raises
        ------
        ProblemFileError
            With all mistakes.
        """
        self._set_section(actor, problem_id, "rounds", rounds)

    def set_training(self, actor: Actor, problem_id: str, training: Mapping[str, Any]) -> None:
        """Save the section ``[training]``.

        Raises
        ------
        ProblemFileError
            With all mistakes.
        """
        self._set_section(actor, problem_id, "training", training)

    def set_privacy(self, actor: Actor, problem_id: str, privacy: Mapping[str, Any] | None) -> None:
        """Save the section ``[privacy]``; None: no noise is demanded.

        Raises
        ------
        ProblemFileError
            With all mistakes.
        """
        self._set_section(actor, problem_id, "privacy", privacy)

    def set_admission(self, actor: Actor, problem_id: str, admission: str) -> None:
        """Save who may join: ``anyone``, or only on the setter's ``approval``.

        Raises
        ------
        UsageError
            It is neither.
        """
        if admission not in ADMISSIONS:
            raise UsageError(f"Who may join is one of {' and '.join(ADMISSIONS)}.")

        def change(row: ProblemRow) -> None:
            row.admission = admission

        self._edit(actor, problem_id, f"who may join: {admission}", change)

    def set_selectors(self, actor: Actor, problem_id: str, selectors: int) -> None:
        """Save with how many selectors the problem starts.

        Raises
        ------
        UsageError
            Too few or too many.
        """
        check_selectors(selectors)

        def change(row: ProblemRow) -> None:
            row.selectors = selectors

        self._edit(actor, problem_id, f"{selectors} selectors", change)

    def import_toml(self, actor: Actor, problem_id: str, text: str) -> None:
        """Take over a whole problem.toml; the model stays the uploaded one.

        Raises
        ------
        ProblemFileError
            With all mistakes; nothing is then changed.
        """
        document = read_toml(text)
        about = document.get("problem")
        if isinstance(about, dict):
            about = {**about, "model": MODEL_FILE}
            about.pop("setter", None)
        checked = check_sections({**document, **({"problem": about} if about else {})})
        taken = checked.pop("problem", {})

        def change(row: ProblemRow) -> None:
            row.title = taken.get("title", row.title)
            row.description = taken.get("description", row.description)
            row.draft = checked

        self._edit(actor, problem_id, "all from a problem.toml", change)

    def _set_section(
        self, actor: Actor, problem_id: str, name: str, section: Mapping[str, Any] | None
    ) -> None:
        self._readable_draft(actor, problem_id)
        checked = {} if section is None else check_sections({name: section})

        def change(row: ProblemRow) -> None:
            kept = {key: value for key, value in row.draft.items() if key != name}
            row.draft = {**kept, **checked}

        self._edit(actor, problem_id, f"[{name}]", change)

    def _readable_draft(self, actor: Actor, problem_id: str) -> ProblemRow:
        with self._database.session() as session:
            return _editable(session, actor, problem_id)

    def _edit(self, actor: Actor, problem_id: str, what: str, change: Any) -> None:
        """Change a draft's row in a transaction of its own."""
        with self._database.session() as session, session.begin():
            row = _editable(session, actor, problem_id, writing=True)
            change(row)
            row.updated_unix_s = self._clock()
            session.add(row)
            record(
                session,
                row.updated_unix_s,
                actor,
                Action.EDIT_PROBLEM,
                problem_id=row.id,
                detail=what,
            )


def _editable(
    session: Session, actor: Actor, problem_id: str, *, writing: bool = False
) -> ProblemRow:
    row = find_problem(session, actor, problem_id, Action.EDIT_PROBLEM, writing=writing)
    refuse_unless("edit", Status(row.status))
    return row


def _checked_about(title: str, description: str) -> dict[str, Any]:
    about = {"title": title.strip(), "description": description, "model": MODEL_FILE}
    return check_sections({"problem": about})["problem"]


def check_selectors(selectors: int) -> None:
    """Refuse a number of selectors that no problem has.

    Raises
    ------
    UsageError
        It is below 1 or above 100.
    """
    if not 1 <= selectors <= SELECTORS_MAX:
        raise UsageError(f"A problem has 1 to {SELECTORS_MAX} selectors, not {selectors}.")


def _column(column: ColumnSketch, *, target: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.name, "type": column.type}
    if column.minimum is not None and column.maximum is not None:
        found |= {"minimum": column.minimum, "maximum": column.maximum}
    if column.classes:
        found["allowed"] = list(column.classes)
    if target:
        found["target"] = True
    return found
