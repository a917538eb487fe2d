"""A published problem, in a list and whole."""

from __future__ import annotations

from dataclasses import dataclass

from fedota_proto.problem import Problem
from fedota_server.webserver.permissions import Action
from fedota_server.webserver.views.draft import ModelView


@dataclass(frozen=True)
class ProblemCard:
    """A problem in a list.

    Parameters
    ----------
    problem_id, title
        For machines and for people.
    summary
        The beginning of its description, plain text on one line.
    owner_id, owner
        Whose it is.
    status, status_reason
        A word of `statuses.Status`; why, where there is more to say.
    wanted
        ``serving`` where its servers run or are about to, else ``stopped``.
    admission
        ``anyone`` or ``approval``.
    rounds, completed_round
        Wanted, and done so far.
    kind, needs, minimum_examples
        What data is needed: its kind, the same in a few words, fewest examples.
    strategy, goal_count, minimum_reports
        How its rounds are run.
    members, requests
        Approved memberships; requests that wait for the setter (0 for others than owner and admin).
    membership
        The asker's own: empty, ``requested``, ``approved``, ``declined``, ``withdrawn``, ``left``
        or ``revoked``.
    created_unix_s, updated_unix_s, published_unix_s
        When.
    """

    problem_id: str
    title: str
    summary: str
    owner_id: int
    owner: str
    status: str
    status_reason: str
    wanted: str
    admission: str
    rounds: int
    completed_round: int
    kind: str
    needs: str
    minimum_examples: int
    strategy: str
    goal_count: int
    minimum_reports: int
    members: int
    requests: int
    membership: str
    created_unix_s: float
    updated_unix_s: float
    published_unix_s: float | None


@dataclass(frozen=True)
class LeavesView:
    """What joining means: what runs on the holder's machine, and what leaves it.

    Parameters
    ----------
    runs
        Sentences: what will run.
    leaves
        Sentences: what will leave in each round.
    seen_by, stays
        Who can see a single update; what does not leave. One sentence each.
    arrays, bytes_a_round
        How many arrays an update has, and how many bytes.
    metrics
        Names of the numbers beside them.
    rounds, minimum_reports
        For how many rounds; fewest holders whose updates make a round's model.
    """

    runs: tuple[str, ...]
    leaves: tuple[str, ...]
    seen_by: str
    stays: str
    arrays: int
    bytes_a_round: int
    metrics: tuple[str, ...]
    rounds: int
    minimum_reports: int


@dataclass(frozen=True)
class AttendanceView:
    """How a problem's clients stand before and between rounds.

    Parameters
    ----------
    clients
        Enrolled or invited, and neither left nor revoked.
    ready
        Of these, those that told that their data keeps the format, or have taken part already.
    away
        Those whose limits keep them away at present.
    back_unix_s
        When the first of these means to be back; None where none of them said.
    left
        Those that left for good, of their own accord.
    """

    clients: int
    ready: int
    away: int
    back_unix_s: float | None
    left: int


@dataclass(frozen=True)
class ProblemView:
    """Everything of a problem that is not live.

    Parameters
    ----------
    problem_id, title, description
        Description in Markdown, to be shown without its HTML.
    owner_id, owner
        Whose it is.
    status, status_reason, failure_id, wanted
        As in `ProblemCard`; the id under which a failure stands in the log.
    problem
        problem.toml, typed; None of a draft that is not finished.
    model, leaves
        None where there is no model yet.
    admission, selectors, test_file
        `test_file` is told to owner and admin alone.
    rounds, completed_round, generation
        Wanted, done so far; counted up by roll-backs.
    members, requests, membership
        As in `ProblemCard`.
    attendance
        How many clients are ready or away; for owner and admin alone, else None.
    may
        What the asker may do with it now.
    open_commands
        Those that its coordinator has not answered yet, oldest first; for owner and admin alone.
    """

    problem_id: str
    title: str
    description: str
    owner_id: int
    owner: str
    status: str
    status_reason: str
    failure_id: str
    wanted: str
    problem: Problem | None
    model: ModelView | None
    leaves: LeavesView | None
    admission: str
    selectors: int
    test_file: str
    rounds: int
    completed_round: int
    generation: int
    members: int
    requests: int
    membership: str
    attendance: AttendanceView | None
    may: frozenset[Action]
    open_commands: tuple[CommandView, ...]
    created_unix_s: float
    updated_unix_s: float
    published_unix_s: float | None
    archived_unix_s: float | None


@dataclass(frozen=True)
class CommandView:
    """A command to a problem's coordinator.

    Parameters
    ----------
    command_id, what, value
        Its own id; ``pause``, ``resume``, ``stop``, ``roll_back_to`` or ``revoke``; the round or
        node id.
    answered, done
        Whether the coordinator has answered; whether it did what was asked.
    message
        Its answer.
    created_unix_s
        When it was given.
    """

    command_id: str
    what: str
    value: int
    answered: bool
    done: bool
    message: str
    created_unix_s: float


@dataclass(frozen=True)
class KeptRounds:
    """Which rounds' checkpoints are kept.

    Parameters
    ----------
    arrays
        Server rounds whose model can be downloaded, oldest first; 0 is the published model.
    state
        Server rounds that can be rolled back to.
    """

    arrays: tuple[int, ...]
    state: tuple[int, ...]


@dataclass(frozen=True)
class ServerView:
    """One of a problem's servers.

    Parameters
    ----------
    name
        ``coordinator``, ``selector-1`` …
    state
        ``starting``, ``running``, ``backing off``, ``given up`` or ``stopped``.
    address, detail
        Where it answers; the last thing that happened to it.
    starts, since_unix_s
        How often it was started; since when it is in this state.
    problem_id, title
        Of the problem.
    """

    name: str
    state: str
    address: str
    detail: str
    starts: int
    since_unix_s: float
    problem_id: str
    title: str
