"""Reaching a selector: whom to try, when to try again, what to give up on."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fedota_client.clock_skew import skew_words
from fedota_client.connection import CallTimeouts, Member, SelectorLink
from fedota_client.limits.bandwidth import Throttle
from fedota_client.progress import Display
from fedota_client.reach.proxy import Proxies
from fedota_client.route import Address, SelectorRoute
from fedota_client.settings import ClientSettings
from fedota_proto.errors import (
    AuthenticationError,
    FedotaError,
    InternalError,
    StreamError,
    UnreachableError,
)
from fedota_proto.grpc_errors import from_refusal
from fedota_proto.invite import Invite
from fedota_proto.tls import WEBSERVER_NAME
from fedota_proto.v1 import fl_round_pb2 as pb

# Refusals that concern one selector or one stream: another may be tried at once.
_ELSEWHERE = frozenset({"replaced", "stopping", "moved"})
# Errors that say nothing about this client: another selector, or a later moment, may do better.
_PASSING = (InternalError, StreamError)
_LATER_S = 5.0

# How a problem stands in which nothing is left to train.
OVER = frozenset({"completed", "archived"})

_Result = TypeVar("_Result")


class RefusedError(Exception):
    """A selector ended the stream with a `Refusal`."""

    def __init__(self, refusal: pb.Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal

    @property
    def final(self) -> bool:
        """Whether there is no use in coming back."""
        return self.refusal.retry_after_s <= 0 and self.refusal.code not in _ELSEWHERE


class Dialer:
    """Opens one link after the other, in the order of the route.

    Parameters
    ----------
    invite
        Whom to trust and where to go.
    member
        Who calls.
    settings
        Deadlines and pauses.
    display
        Shows every failure.
    release
        This release.
    with_webserver
        Whether the webserver is tried after the selectors (it answers all but check-ins).
    rng
        Decides order and jitter.
    """

    def __init__(
        self,
        invite: Invite,
        member: Member,
        settings: ClientSettings,
        display: Display,
        *,
        release: str = "",
        with_webserver: bool = False,
        rng: random.Random | None = None,
    ) -> None:
        self._invite = invite
        self._member = member
        self._settings = settings
        self._display = display
        self._release = release
        webserver = (invite.webserver, WEBSERVER_NAME) if invite.webserver else None
        self._webserver: Address | None = webserver
        self.route = SelectorRoute(
            invite.selectors,
            rng or random.Random(),  # noqa: S311 (spreads load, guards nothing)
            last_resort=webserver if with_webserver else None,
            first_s=settings.retry_first_s,
            most_s=settings.retry_most_s,
        )
        self._timeouts = CallTimeouts(
            call_s=settings.call_timeout_s,
            welcome_s=settings.welcome_timeout_s,
            transfer_s=settings.transfer_timeout_s,
        )
        self._upload = Throttle(settings.upload_max)
        self._download = Throttle(settings.download_max)
        self._proxies = Proxies.of_process()
        self._began_s = time.monotonic()
        self._was_reached = False
        self._distrusted: dict[str, AuthenticationError] = {}
        self._unreached: set[str] = set()
        self._hinted = False
        self._clock_told = False
        self._wait_s = 0.0

    def begin(self) -> None:
        """Count the time for which no selector was reached from now on."""
        self._began_s = time.monotonic()

    async def next_link(self) -> SelectorLink:
        """Wait as long as the route says, then open a link to the next selector.

        Raises
        ------
        UsageError
            The environment names a proxy for it that cannot be used.
        """
        address, pause_s = self.route.next()
        self._proxies.for_address(address[0])  # gRPC would silently take the direct way
        pause_s, self._wait_s = max(pause_s, self._wait_s), 0.0
        if pause_s:
            await asyncio.sleep(pause_s)
        return self._link(address)

    def webserver_link(self) -> SelectorLink | None:
        """Open a link to the webserver; None where the invite names none."""
        return self._link(self._webserver) if self._webserver is not None else None

    def _link(self, at: Address) -> SelectorLink:
        address, server_name = at
        return SelectorLink(
            address,
            server_name,
            self._invite.ca_pem.encode(),
            self._member,
            timeouts=self._timeouts,
            release=self._release,
            upload=self._upload,
            download=self._download,
        )

    def reached(self, reply: pb.HelloReply | None = None) -> None:
        """Take note that a selector has answered: from now on there is no giving up.

        Parameters
        ----------
        reply
            Its greeting, by which this machine's clock is looked at, once.
        """
        self._was_reached = True
        self._distrusted.clear()
        if reply is not None and not self._clock_told:
            words = skew_words(time.time(), reply.unix_s)
            if words:
                self._clock_told = True
                self._display.note(words)

    def failed(self, link: SelectorLink, error: FedotaError) -> None:
        """Show a failure, and decide whether to go on.

        Raises
        ------
        FedotaError
            There is no use in trying again, or it has been tried long enough.
        """
        if isinstance(error, UnreachableError | AuthenticationError) and not link.greeted:
            self._hint(link.address)
        if isinstance(error, AuthenticationError) and not link.greeted:
            # It may be one wrong address among several; none that is right is another matter.
            self._distrusted[link.address] = error
            if not self._was_reached and len(self._distrusted) >= len(self.route.known()):
                raise error
        elif not error.retryable and not isinstance(error, _PASSING):
            raise error
        elif isinstance(error, _PASSING):
            self._wait_s = _LATER_S
        self._wait_s = max(self._wait_s, getattr(error, "retry_after_s", 0.0))
        tried_s = time.monotonic() - self._began_s
        if not self._was_reached and tried_s >= self._settings.connect_timeout_s:
            known = ", ".join(address for address, _ in self.route.known())
            raise UnreachableError(
                f"No selector answered within {self._settings.connect_timeout_s:g} s (tried "
                f"{known}): check the network, and ask the problem's setter whether it is served."
            ) from error
        self._display.connection(f"{error.public_message} Trying again.")

    def _hint(self, address: str) -> None:
        """Once nothing at all could be reached, say which command tells why."""
        self._unreached.add(address)
        if self._was_reached or self._hinted or len(self._unreached) < len(self.route.known()):
            return
        self._hinted = True
        self._display.note(
            "Nothing was reached yet: `fedota-client connect-check` tries the way to every address "
            "and says what stands in it."
        )

    def refused(self, refused: RefusedError) -> None:
        """Show a refusal, and decide whether to come back.

        Raises
        ------
        FedotaError
            The refusal is final.
        """
        refusal = refused.refusal
        if refused.final:
            raise from_refusal(refusal.code, refusal.reason, refusal.retry_after_s)
        wait_s = refusal.retry_after_s
        if refusal.code in _ELSEWHERE and len(self.route.known()) > 1:
            wait_s = 0.0
        self._wait_s = max(self._wait_s, wait_s)
        what_next = f"Coming back in {wait_s:.0f} s." if wait_s else "Trying another."
        self._display.connection(f"{refusal.reason} {what_next}")

    async def once(self, action: Callable[[SelectorLink], Awaitable[_Result]]) -> _Result:
        """Do something at whichever selector answers first.

        Raises
        ------
        FedotaError
            There is no use in trying again, or no selector was ever reached.
        """
        while True:
            link = await self.next_link()
            try:
                self.reached(await link.hello())
                result = await action(link)
            except FedotaError as error:
                self.failed(link, error)
            else:
                self.route.succeeded()
                return result
            finally:
                await link.close()
