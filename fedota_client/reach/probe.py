"""Tries every address of an invite: name, connection, TLS, and a Hello; without key and data."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import grpc.aio

from fedota_client.clock_skew import skew_words
from fedota_client.connection import check_hello, hello_request
from fedota_client.reach import words
from fedota_client.reach.line import Line
from fedota_client.reach.proxy import Proxies, Proxy, split_address
from fedota_client.reach.report import AddressReport, BlockedError, ReachReport, Step
from fedota_proto.errors import FedotaError, UnreachableError, UsageError
from fedota_proto.grpc_errors import from_rpc_error
from fedota_proto.invite import Invite
from fedota_proto.tls import WEBSERVER_NAME, client_channel
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.v1.fl_round_pb2_grpc import FlRoundStub

# Beyond its own deadline a step in a thread is not waited for.
_SLACK_S = 1.0

_Result = TypeVar("_Result")


async def probe(
    invite: Invite, proxies: Proxies, *, timeout_s: float, release: str = ""
) -> ReachReport:
    """Try all addresses of an invite at a time.

    Parameters
    ----------
    invite
        Where to go and whom to trust; nothing of it is sent.
    proxies
        Of the environment.
    timeout_s
        Deadline of each step.
    release
        This release, for people.

    Returns
    -------
    ReachReport
        What stands in the way of each.
    """
    reports = [AddressReport(address, name) for address, name in dict.fromkeys(invite.selectors)]
    if invite.webserver:
        reports.append(AddressReport(invite.webserver, WEBSERVER_NAME, is_webserver=True))
    async with asyncio.TaskGroup() as group:
        for report in reports:
            group.create_task(_Probe(invite, report, proxies, timeout_s, release).run())
    return ReachReport(invite.title, tuple(reports))


class _Probe:
    """Fills in the report of one address."""

    def __init__(
        self,
        invite: Invite,
        report: AddressReport,
        proxies: Proxies,
        timeout_s: float,
        release: str,
    ) -> None:
        self._invite = invite
        self._report = report
        self._proxies = proxies
        self._timeout_s = timeout_s
        self._release = release
        self._step = Step.WAY

    async def run(self) -> None:
        """Take one step after the other, up to the first that fails."""
        try:
            proxy = self._choose_way()
            await self._take_line(proxy)
            await self._say_hello()
        except BlockedError as blocked:
            self._report.failed = self._step
            self._report.code, self._report.sentence = blocked.code, blocked.sentence
        except FedotaError as error:
            self._report.failed = self._step
            self._report.code, self._report.sentence = error.code, error.public_message

    def _choose_way(self) -> Proxy | None:
        split_address(self._report.address)
        proxy = self._proxies.for_address(self._report.address)
        self._report.way = "direct" if proxy is None else str(proxy)
        self._report.passed[Step.WAY] = self._report.way
        return proxy

    async def _take_line(self, proxy: Proxy | None) -> None:
        report = self._report
        host = split_address(report.address)[0] if proxy is None else proxy.host
        with Line(report.address, proxy, timeout_s=self._timeout_s) as line:
            self._step = Step.NAME
            try:
                found = await self._in_thread(line.resolve)
            except TimeoutError:
                raise words.name_silent(proxy, host, self._timeout_s) from None
            report.passed[Step.NAME] = ", ".join(found[:2]) if proxy is None else "by the proxy"
            self._step = Step.CONNECTION
            try:
                report.passed[Step.CONNECTION] = await self._in_thread(line.connect, len(found) + 1)
            except TimeoutError:
                raise words.timed_out(report.address, proxy, self._timeout_s) from None
            self._step = Step.TLS
            ca_pem = self._invite.ca_pem
            try:
                # One that is refused is looked at by a second connection.
                version = await self._in_thread(
                    lambda: line.secure(report.server_name, ca_pem), len(found) + 3
                )
            except TimeoutError:
                raise words.tls_silent(report.address, self._timeout_s) from None
            report.passed[Step.TLS] = version

    async def _say_hello(self) -> None:
        """Greet by gRPC itself, which goes the same way again."""
        self._step = Step.HELLO
        report = self._report
        peer = f"The {report.kind} at {report.address}"
        channel = client_channel(report.address, report.server_name, self._invite.ca_pem.encode())
        call = FlRoundStub(channel).Hello(hello_request(self._release), timeout=self._timeout_s)
        try:
            reply: pb.HelloReply = await call
        except grpc.aio.AioRpcError as error:
            meant = from_rpc_error(error, peer=peer)
            if isinstance(meant, UnreachableError):
                raise words.hello_silent(report.address, self._timeout_s) from None
            raise meant from None
        finally:
            await channel.close()
        check_hello(reply, peer, "" if report.is_webserver else self._invite.problem_id)
        report.passed[Step.HELLO] = _answer(reply)
        report.note = skew_words(time.time(), reply.unix_s)

    async def _in_thread(self, step: Callable[[], _Result], tries: int = 1) -> _Result:
        """Run a step that blocks; a thread that outlives its deadline ends with the process.

        Raises
        ------
        TimeoutError
            It did not end in time.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[_Result] = loop.create_future()

        def settle(result: _Result | None, error: BlockedError | UsageError | None) -> None:
            if ended.done():
                return
            if error is not None:
                ended.set_exception(error)
            else:
                ended.set_result(result)  # type: ignore[arg-type]

        def run() -> None:
            result, failure = None, None
            try:
                result = step()
            except (BlockedError, UsageError) as error:
                failure = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, failure)

        threading.Thread(target=run, daemon=True).start()
        async with asyncio.timeout(tries * self._timeout_s + _SLACK_S):
            return await ended


def _answer(reply: pb.HelloReply) -> str:
    return f"protocol {reply.version.protocol}, release {reply.version.release or 'unknown'}"
