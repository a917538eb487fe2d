"""All that can be done with problems."""

from __future__ import annotations

from fedota_server.webserver.problems.catalogue import Catalogue
from fedota_server.webserver.problems.draft_life import DraftLife
from fedota_server.webserver.problems.draft_reading import DraftReading
from fedota_server.webserver.problems.drafts import Drafts
from fedota_server.webserver.problems.members_reading import MembersReading
from fedota_server.webserver.problems.model_intake import ModelIntake
from fedota_server.webserver.problems.publishing import Publishing
from fedota_server.webserver.problems.reading import Reading
from fedota_server.webserver.problems.rounds_reading import RoundsReading


class Problems(
    Drafts,
    DraftLife,
    ModelIntake,
    Publishing,
    DraftReading,
    Catalogue,
    Reading,
    RoundsReading,
    MembersReading,
):
    """The use cases of problems, one room for each of its bases.

    Every method checks first who asks (`SignInError`, `ForbiddenError`; somebody else's draft is
    not there: `NotFoundError`), then the problem's status (`ConflictError`), then acts; a change
    and its entry in the audit log are one transaction. Methods may be called from any thread.

    Parameters
    ----------
    As in `use_cases.UseCases`.
    """
