"""Before the first check-in: where a client hears of selectors that its invite does not name."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from fedota_client.connection import SelectorLink
from fedota_client.dialing import Dialer
from fedota_client.home import ClientHome
from fedota_client.joining import fetch_problem
from fedota_client.progress import Display
from fedota_client.route import SelectorRoute
from fedota_client.settings import ClientSettings
from fedota_proto.errors import BusyError
from fedota_proto.v1 import fl_round_pb2 as pb

OLD, NEW = ("192.0.2.1:20000", "selector-1.p.fedota"), ("192.0.2.2:20000", "selector-1.p.fedota")
WEBSERVER = ("192.0.2.9:8502", "webserver.fedota")


class WebserverAlone:
    """Knows where the selector is now, and enrols nobody."""

    address = WEBSERVER[0]

    async def describe(self) -> pb.DescribeReply:
        moved = pb.SelectorAddress(address=NEW[0], server_name=NEW[1])
        return pb.DescribeReply(problem_toml="", manifest_json="", selectors=[moved])

    async def tell(self, *_: Any) -> None:
        raise BusyError("Clients are enrolled by the selectors.", retry_after_s=1.0)


class OneTry:
    """Tries the webserver, once."""

    def __init__(self) -> None:
        self.route = SelectorRoute([OLD], random.Random(1), last_resort=WEBSERVER)  # noqa: S311

    async def once(self, action: Callable[[SelectorLink], Awaitable[Any]]) -> Any:
        return await action(cast(SelectorLink, WebserverAlone()))


class Silent:
    """Shows nothing."""

    def note(self, _: str) -> None:
        pass


async def test_a_client_with_an_old_address_learns_the_new_one_from_the_webserver(
    tmp_path: Path,
) -> None:
    dialer = OneTry()
    with pytest.raises(BusyError):
        await fetch_problem(
            cast(Dialer, dialer),
            ClientHome(tmp_path),
            ClientSettings(),
            cast(Display, Silent()),
        )
    assert dialer.route.known()[0] == NEW
