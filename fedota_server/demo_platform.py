"""The demo's platform: its accounts, the example published on it, and the hospitals' invites."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fedota_proto.errors import FolderError, UsageError, WorkerError
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.permissions import Actor, Role
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.secret_text import new_code
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.views.job import JobView

_POLL_S = 0.1
_JOB_MARGIN_S = 60.0


@dataclass(frozen=True)
class Login:
    """With what somebody who looks at the demo signs in.

    Parameters
    ----------
    role
        In words.
    email, password
        Made for this run alone.
    """

    role: str
    email: str
    password: str


@dataclass(frozen=True)
class Invited:
    """A data holder who takes part.

    Parameters
    ----------
    name
        Theirs, and their client's.
    node_id
        Their client's.
    invite
        File with the invite.
    """

    name: str
    node_id: int
    invite: Path


class DemoPlatform:
    """Does on the demo's platform what its people would do on the page, by the same use cases.

    Its methods block, and are called in this order, from any thread.

    Parameters
    ----------
    platform
        Running, and empty.
    """

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.problem_id = ""
        self.setter = Actor(0, "", frozenset())
        self._holders: dict[str, Actor] = {}

    def make_accounts(self, holders: Iterable[str]) -> list[Login]:
        """Make an administrator, a setter, and an account for each data holder.

        Returns
        -------
        list of Login
            One for each role; the data holder's is that of the first.
        """
        accounts = self.platform.accounts
        chief = Login("administrator", _email("admin"), new_code(3).lower())
        token = accounts.set_up(accounts.setup_code(), chief.email, "Admin", chief.password)
        admin = accounts.by_session(token)
        if admin is None:
            raise UsageError(
                "The demo's administrator cannot sign in: is this machine's clock set?"
            )
        self.setter, setter = self._add(admin.actor, "setter", Role.SETTER, "problem setter")
        logins = [chief, setter]
        for name in holders:
            if self._holders:
                account, _ = accounts.add_user(admin.actor, _email(name), name, {Role.HOLDER})
                self._holders[name] = account.actor
            else:
                self._holders[name], login = self._add(
                    admin.actor, name, Role.HOLDER, "data holder"
                )
                logins.append(login)
        return logins

    def _add(self, admin: Actor, name: str, role: Role, words: str) -> tuple[Actor, Login]:
        """Add an account whose password need not be changed."""
        login = Login(words, _email(name), new_code(3).lower())
        account, first = self.platform.accounts.add_user(admin, login.email, name, {role})
        self.platform.accounts.change_password(account.actor, first, login.password)
        return account.actor, login

    def write(self, folder: ProblemFolder) -> None:
        """Begin the problem as the setter, and have its model inspected.

        Raises
        ------
        FedotaError
            Something of the example is refused; the message says what.
        """
        problems = self.platform.problems
        text = (folder.folder / "problem.toml").read_text(encoding="utf-8")
        self.problem_id = problems.create(self.setter, folder.problem().title)
        problems.import_toml(self.setter, self.problem_id, text)
        problems.set_admission(self.setter, self.problem_id, "anyone")
        model = folder.model_path()
        upload = _upload(model, self.platform.settings.home / "uploads")
        self._wait_for(problems.take_model(self.setter, self.problem_id, upload, model.name))

    def publish(self) -> None:
        """Run the problem dry, publish it, and start it."""
        problems = self.platform.problems
        self._wait_for(problems.dry_run(self.setter, self.problem_id))
        problems.publish(self.setter, self.problem_id)
        problems.start(self.setter, self.problem_id)

    def _wait_for(self, job_id: str) -> None:
        deadline = time.monotonic() + 3 * self.platform.settings.job_time_s + _JOB_MARGIN_S
        while time.monotonic() < deadline:
            job: JobView = self.platform.jobs.view(self.setter, job_id)
            if job.state == "failed":
                raise WorkerError(f"The {job.kind} failed: {job.message}")
            if job.state == "done":
                return
            time.sleep(_POLL_S)
        raise WorkerError(f"Job {job_id} does not end: see its log with --keep.")

    def join(self, place: Path) -> list[Invited]:
        """Have every data holder join the problem and enrol a client.

        Parameters
        ----------
        place
            Folder for the invites.
        """
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        memberships = self.platform.memberships
        invited = []
        for name, holder in self._holders.items():
            memberships.join(holder, self.problem_id)
            client = memberships.enrol(holder, self.problem_id, name)
            text = memberships.invite_text(holder, self.problem_id, client.node_id)
            invite = place / f"{name}.invite"
            invite.write_text(text + "\n", encoding="utf-8")
            invited.append(Invited(name, client.node_id, invite))
        return invited

    def export(self, out: Path) -> int:
        """Write the newest model as the setter downloads it; returns its round."""
        return self.platform.problems.export_model(self.setter, self.problem_id, out, None)


def is_over(status: str) -> bool:
    """Tell whether a problem trains no further by itself."""
    return status in (Status.COMPLETED, Status.FAILED, Status.ARCHIVED)


def _email(name: str) -> str:
    return f"{name.lower()}@demo.example"


def _upload(model: Path, uploads: Path) -> Path:
    """Copy a model to where the use case takes it from, as the page's upload does."""
    target = uploads / f"demo-{os.getpid()}.keras"
    try:
        uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(model, target)
    except OSError as error:
        raise FolderError(f"{model} cannot be copied to {uploads} ({error.strerror}).") from error
    return target
