"""A platform that does not run, its API, and somebody of each kind with a token."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from argon2.profiles import CHEAPEST

from fedota_server.webserver.accounts import Account
from fedota_server.webserver.api import build_api
from fedota_server.webserver.job_desk import JobDesk
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings
from support.accounts import add, set_up
from support.asgi import TestClient
from support.keras_file import KerasFile
from support.web_desk import PlainSpawner, work_off

TOML = """
[problem]
title = "Relapse"
description = "Who relapses **within a year**?"
model = "relapse.keras"

[strategy]
name = "FedAvg"

[rounds]
rounds = 5
goal_count = 3
minimum_reports = 3
selection_timeout_s = 60
reporting_deadline_s = 60

[data]
minimum_examples = 10

[[data.columns]]
name = "age"
type = "integer"
minimum = 0
maximum = 120

[[data.columns]]
name = "bmi"
type = "number"

[[data.columns]]
name = "smoker"
type = "boolean"

[[data.columns]]
name = "stage"
type = "category"
allowed = ["I", "II", "III"]

[[data.columns]]
name = "relapse"
type = "category"
allowed = ["no", "yes"]
target = true
"""


@dataclass
class ApiLab:
    """Someone of each kind, and what they ask of the API.

    Parameters
    ----------
    platform
        Opened, with quick passwords and jobs that need no Keras.
    """

    platform: Platform
    people: dict[str, Account] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = TestClient(build_api(self.platform), raise_server_exceptions=False)

    def people_it(self) -> None:
        """Make an account and a token for somebody of each kind."""
        accounts = self.platform.accounts
        self.join_in(set_up(accounts, "ada@example.org", "Ada"))
        for name, role in (
            ("Sara", Role.SETTER),
            ("Otto", Role.SETTER),
            ("Hans", Role.HOLDER),
            ("Mia", Role.HOLDER),
        ):
            self.join_in(add(accounts, self.people["Ada"], name, role))

    def join_in(self, account: Account) -> None:
        """Make a token for somebody."""
        self.people[account.name] = account
        self.tokens[account.name], _ = self.platform.accounts.make_token(
            account.actor, "tests", None
        )

    def headers(self, who: str) -> dict[str, str]:
        """Return the header by which somebody is known; none for nobody."""
        return {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}

    def ask(self, who: str, method: str, path: str, **given: Any) -> Any:
        """Send a request on somebody's behalf; the answer as it came."""
        return self.client.request(method, path, headers=self.headers(who), **given)

    def get(self, who: str, path: str, **query: Any) -> Any:
        """Read something; its JSON."""
        return self.answer(who, "GET", path, params=query)

    def answer(self, who: str, method: str, path: str, **given: Any) -> Any:
        """Send a request that must succeed; its JSON."""
        answer = self.ask(who, method, path, **given)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def work_off(self) -> None:
        """Run the job desk until no job is left."""
        self.platform.jobs = _desk(self.platform)  # which belongs to one event loop
        asyncio.run(work_off(self.platform.jobs, self.platform.database))


@contextmanager
def opened_api(
    home: Path, people: dict[str, str] | None = None, **settings: Any
) -> Iterator[ApiLab]:
    """Open a platform in a folder for as long as the block lasts.

    Parameters
    ----------
    home
        The platform's folder.
    people
        The tokens of those who are there already; None: they are made.
    settings
        Fields of `WebserverSettings` that are not as they stand there.
    """
    with patch("fedota_server.webserver.passwords.RFC_9106_LOW_MEMORY", CHEAPEST):
        platform = Platform.open(WebserverSettings(home=home, **settings))
    platform.home.init()
    platform.database.migrate()
    with contextlib.closing(platform.database):
        lab = ApiLab(platform, tokens=people or {})
        if people is None:
            lab.people_it()
        yield lab


def published(lab: ApiLab, place: Path, admission: str = "anyone") -> str:
    """Have Sara publish a problem; returns its address.

    Parameters
    ----------
    place
        For the model.
    admission
        Who may join.
    """
    made = lab.answer("Sara", "POST", "/problems", json={"title": "Relapse"})
    problem = f"/problems/{made['problem_id']}"
    lab.answer("Sara", "PUT", f"{problem}/toml", content=TOML)
    model = KerasFile(place).write().read_bytes()
    lab.answer("Sara", "PUT", f"{problem}/model", content=model)
    lab.answer("Sara", "PUT", f"{problem}/admission", json={"admission": admission})
    lab.work_off()
    lab.answer("Sara", "POST", f"{problem}/dry-run")
    lab.work_off()
    lab.answer("Sara", "POST", f"{problem}/publish")
    return problem


def _desk(platform: Platform) -> JobDesk:
    return JobDesk(
        platform.database,
        platform.settings,
        platform.home,
        spawner=lambda _: PlainSpawner({}, []),
    )
