"""One selector at work: its server, its stream to the coordinator, and its end."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import grpc.aio

from fedota_proto import heap
from fedota_proto.errors import FolderError, ServerStartError
from fedota_proto.grpc_errors import ErrorInterceptor
from fedota_proto.running_mean import RunningMean
from fedota_proto.tls import (
    client_channel,
    coordinator_name,
    load_identity,
    server_credentials,
    server_options,
)
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_selector.buffer_pool import BufferPool
from fedota_selector.clients import Clients
from fedota_selector.file_cache import FileCache
from fedota_selector.inbound import Inbound
from fedota_selector.receiving import Receiving
from fedota_selector.servicer import SERVICE, FlRoundServicer
from fedota_selector.settings import SelectorSettings
from fedota_selector.state import SelectorLimits, SelectorState
from fedota_selector.uplink.backoff import Backoff
from fedota_selector.uplink.stream import Uplink

STOP_GRACE_S = 2.0
PROBED_WINDOW_BYTES = 27 << 20  # the widest that was seen
# Every connection keeps a buffer for its next read, which gRPC lets grow to some megabytes.
READ_BUFFER_BYTES = 256 << 10

_log = logging.getLogger(__name__)


class SelectorServer:
    """Serves clients as soon as it is started, whether or not the coordinator is there yet.

    Parameters
    ----------
    settings
        This process's.

    Raises
    ------
    FolderError
        The keys cannot be read.
    """

    def __init__(self, settings: SelectorSettings) -> None:
        self._settings = settings
        self._identity = load_identity(settings.keys)
        try:
            self._ca_pem = (settings.keys / "ca.pem").read_bytes()
        except OSError as error:
            raise FolderError(
                f"{settings.keys / 'ca.pem'} cannot be read ({error.strerror}): "
                "make the problem's keys again."
            ) from error
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="checks")
        self._updates = BufferPool(settings.byte_budget_bytes)
        self._sums = BufferPool(settings.byte_budget_bytes)
        self.state = SelectorState(
            settings.problem_id,
            _limits(settings),
            FileCache(settings.cache_folder, time.monotonic),
            release=_release(),
            clock=time.monotonic,
            unix_clock=time.time,
            new_mean=partial(RunningMean, allocate=self._sums.take),
        )
        self._clients = Clients(self.state)
        self._uplink = Uplink(
            self._open_channel,
            self.state.outbox,
            Inbound(self.state),
            Backoff(settings.reattach_least_s, settings.reattach_most_s, random.random),
        )
        self._server = grpc.aio.server(
            interceptors=[ErrorInterceptor()],
            options=server_options(
                ("grpc.http2.bdp_probe", int(settings.bdp_probe)),
                ("grpc.http2.lookahead_bytes", settings.window_bytes),
                ("grpc.experimental.tcp_max_read_buffer_size", READ_BUFFER_BYTES),
            ),
        )
        servicer = FlRoundServicer(
            self.state, self._clients, Receiving(self.state, self._executor, self._updates)
        )
        self._server.add_registered_method_handlers(SERVICE, servicer.handlers())

    async def run(self, stop: asyncio.Event, ready: Callable[[str], None]) -> None:
        """Serve until `stop` is set, then send everyone on and end within a few seconds.

        Parameters
        ----------
        stop
            Set from outside.
        ready
            Told the address once clients are taken in.

        Raises
        ------
        ServerStartError
            The address cannot be listened at.
        """
        address = self._listen()
        self.state.address = self._settings.address_told or address
        await self._server.start()
        ready(address)
        try:
            async with asyncio.TaskGroup() as tasks:
                uplink = tasks.create_task(self._uplink.run())
                load = tasks.create_task(self._tick())
                await stop.wait()
                _log.info("stopping: %d clients are sent on", len(self.state.admission))
                self._clients.drain()
                await self._server.stop(STOP_GRACE_S)
                uplink.cancel()
                load.cancel()
        finally:
            await self._server.stop(None)
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _listen(self) -> str:
        host, _, _ = self._settings.listen.rpartition(":")
        credentials = server_credentials(self._identity, self._ca_pem, require_client=False)
        try:
            port = self._server.add_secure_port(self._settings.listen, credentials)
        except RuntimeError as error:
            raise ServerStartError(
                f"The selector cannot listen at {self._settings.listen}: "
                "take another address, or stop what listens there.",
                detail=str(error),
            ) from error
        return f"{host}:{port}"

    def _open_channel(self) -> grpc.aio.Channel:
        return client_channel(
            self._settings.coordinator_address,
            coordinator_name(self._settings.problem_id),
            self._ca_pem,
            self._identity,
            options=(
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.max_reconnect_backoff_ms", int(self._settings.reattach_most_s * 1_000)),
            ),
        )

    async def _tick(self) -> None:
        """Report the load, and free what is not used."""
        state = self.state
        while True:
            await asyncio.sleep(self._settings.load_every_s)
            self._sums.tick()
            if self._updates.tick():
                heap.trim()
            state.tell(
                load=intra.Load(
                    held_clients=len(state.admission),
                    budget_used_bytes=state.budget.used_bytes,
                    received_bytes=state.received_bytes,
                    sent_bytes=state.sent_bytes,
                )
            )


def _limits(settings: SelectorSettings) -> SelectorLimits:
    return SelectorLimits(
        held_max_clients=settings.held_max_clients,
        byte_budget_bytes=settings.byte_budget_bytes,
        update_max_bytes=settings.update_max_bytes,
        stall_timeout_s=settings.stall_timeout_s,
        verdict_timeout_s=settings.verdict_timeout_s,
        ask_timeout_s=settings.ask_timeout_s,
        window_bytes=max(settings.window_bytes, PROBED_WINDOW_BYTES if settings.bdp_probe else 0),
    )


def _release() -> str:
    try:
        return version("fedota")
    except PackageNotFoundError:
        return "unknown"
