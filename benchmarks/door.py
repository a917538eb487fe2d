"""One real selector between a coordinator that only counts and clients that only send."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import psutil

from fedota_proto.credential import PROTOCOL
from fedota_proto.invite import Invite, sign_invite
from fedota_proto.npy import npy_bytes
from fedota_proto.tls import selector_name, server_credentials, server_options
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.v1 import fl_intra_pb2_grpc as rpc
from fedota_proto.v1.fl_records_pb2 import ArraySpec, ArrayTable, Payload, Record, RoundKey, Version
from fedota_proto.v1.fl_round_pb2 import Finished
from fedota_server.authority import PlatformHome, ProblemKeys

PROBLEM_ID = "bench0000001"
ANSWER_TIMEOUT_S = 60.0


def spec_of(elements: int) -> ArraySpec:
    """Describe the one float32 array of the benches."""
    size = len(npy_bytes(np.zeros(elements, dtype=np.float32)))
    return ArraySpec(
        name="w", dtype="float32", shape=[elements], stype="numpy.ndarray", size_bytes=size
    )


class CountingCoordinator(rpc.FlIntraServicer):
    """Accepts every client, hands out tasks without content, and counts what is held."""

    def __init__(self, keys: ProblemKeys) -> None:
        self._keys = keys
        self._outbox: asyncio.Queue[pb.CoordinatorMessage] = asyncio.Queue()
        self._round = 0
        self._left = 0
        self._done = asyncio.Event()
        self.accepted: list[int] = []
        self.wanted_clients = 0
        self.all_accepted = asyncio.Event()
        self.failure = ""

    async def Attach(  # noqa: N802
        self, request_iterator: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.CoordinatorMessage]:
        """Serve the one selector."""
        reading = asyncio.create_task(self._read(request_iterator))
        try:
            while not reading.done():
                yield await self._outbox.get()
        finally:
            reading.cancel()

    async def _read(self, messages: AsyncIterator[pb.SelectorMessage]) -> None:
        async for message in messages:
            kind = message.WhichOneof("body")
            if kind == "attaching":
                self._outbox.put_nowait(pb.CoordinatorMessage(attached=self._greeting()))
            elif kind == "client_open":
                opened = message.client_open
                verdict = pb.Verdict(stream_id=opened.stream_id, accepted=True)
                self._outbox.put_nowait(pb.CoordinatorMessage(verdict=verdict))
                self.accepted.append(opened.node_id)
                if len(self.accepted) == self.wanted_clients:
                    self.all_accepted.set()
            elif kind == "held":
                self._count_down()
            elif kind in ("rejected", "task_failed"):
                self.failure = str(message)
                self._done.set()
            elif kind == "partial":
                self._count_down(len(message.partial.payload.data))
            elif kind == "chunk":
                self._count_down(len(message.chunk.data))

    def _count_down(self, by: int = 1) -> None:
        self._left -= by
        if self._left == 0:
            self._done.set()

    def _greeting(self) -> pb.Attached:
        return pb.Attached(
            version=Version(protocol=PROTOCOL, release="bench"),
            epoch=1,
            run_id=b"r" * 16,
            problem_id=PROBLEM_ID,
            checks=pb.Checks(
                declared=True,
                train_metrics=["loss"],
                evaluate_metrics=["loss"],
                weight_max=1e9,
                weight_key="num-examples",
                update_max_bytes=1 << 32,
            ),
            invite_public_key=self._keys.public_key("invite"),
        )

    async def train(self, nodes: list[int], elements: int) -> float:
        """Ask all `nodes` for an update, close, and return the seconds until all were held."""
        self._round += 1
        key = RoundKey(generation=1, server_round=self._round, attempt=1)
        spec = spec_of(elements)
        content = Payload(records=[Record(name="arrays", arrays=ArrayTable())])
        self._left = len(nodes)
        self._done.clear()
        start = time.perf_counter()
        self._send(content=pb.Content(transfer_id=self._round, content_id=1, payload=content))
        self._send(
            hand_out=pb.HandOut(
                content_id=1,
                round=key,
                message_type="train",
                deadline_s=ANSWER_TIMEOUT_S,
                mean=True,
                checked=True,
                expect=[spec],
                tasks=[
                    pb.HandOutTask(task_id=self._round * 100_000 + place + 1, node_id=node)
                    for place, node in enumerate(nodes)
                ],
            )
        )
        await self._wait()
        held_s = time.perf_counter() - start
        self._left = spec.size_bytes
        self._done.clear()
        self._send(close=pb.ClosePartial(close_id=self._round, round=key, message_type="train"))
        await self._wait()
        self._send(drop=pb.DropTasks(round=key))
        return held_s

    async def _wait(self) -> None:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await self._done.wait()
        if self.failure:
            raise RuntimeError(self.failure)

    def finish(self) -> None:
        """Send the clients home."""
        self._send(finished=Finished(reason="bench"))

    def _send(self, **body: Any) -> None:
        self._outbox.put_nowait(pb.CoordinatorMessage(**body))


@dataclass
class Door:
    """A selector that runs, with its coordinator in this process."""

    coordinator: CountingCoordinator
    process: psutil.Process
    folder: Path
    keys: ProblemKeys
    address: str
    start_s: float

    def write_invites(self, count: int) -> Path:
        """Write `count` invites into a folder and return it."""
        folder = self.folder / "invites"
        folder.mkdir(exist_ok=True)
        for number in range(count):
            invite = Invite(
                problem_id=PROBLEM_ID,
                title="bench",
                node_id=number + 1,
                name=f"n{number}",
                expires_unix_s=time.time() + 3_600,
                ca_pem=self.keys.ca_pem.decode(),
                receipt_public_key=self.keys.public_key("receipt"),
                invite_public_key=self.keys.public_key("invite"),
                selectors=((self.address, selector_name(PROBLEM_ID, 1)),),
            )
            (folder / f"{number:05}").write_text(sign_invite(self.keys.invite_key, invite).text)
        return folder

    @contextlib.contextmanager
    def clients(self, count: int, processes: int, elements: int = 0) -> Iterator[None]:
        """Run `count` load clients in `processes` processes, each client its own connection."""
        invites = self.write_invites(count)
        each = -(-count // processes)
        self.coordinator.wanted_clients = count
        with contextlib.ExitStack() as stack:
            for first in range(0, count, each):
                stack.enter_context(
                    running(
                        [
                            *(sys.executable, "-m", "benchmarks.load", str(invites)),
                            f"--first={first}",
                            f"--count={min(each, count - first)}",
                            f"--own-elements={elements}",
                        ]
                    )
                )
            yield

    def peak_mb(self) -> float:
        """The selector's peak memory in MB (10**6 bytes)."""
        return peak_mb(self.process.pid)

    def rss_kb(self) -> float:
        """The selector's memory now, in kB (10**3 bytes)."""
        return float(self.process.memory_info().rss) / 1e3


def peak_mb(pid: int) -> float:
    """Read a process's peak resident memory in MB (10**6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"process {pid} tells no peak memory")


@contextlib.contextmanager
def running(
    command: list[str], env: dict[str, str] | None = None, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process, with its stdout in a pipe, and end it afterwards."""
    with contextlib.ExitStack() as stack:
        err = stack.enter_context(log.open("ab")) if log else None
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, env=env
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()


async def first_line(process: subprocess.Popen[bytes], timeout_s: float = 30.0) -> str:
    """Wait for the first line that a process prints."""
    stdout = process.stdout
    if stdout is None:
        raise RuntimeError("the process has no pipe")
    line = await asyncio.wait_for(asyncio.to_thread(stdout.readline), timeout_s)
    if not line:
        raise RuntimeError(f"the process ended with {process.wait(5)} before it was ready")
    return line.decode().strip()


@contextlib.asynccontextmanager
async def door(**settings: object) -> AsyncIterator[Door]:
    """Start a selector with a counting coordinator; `settings` are the selector's own."""
    with tempfile.TemporaryDirectory(prefix="bench-door-") as name:
        folder = Path(name)
        home = PlatformHome(folder / "home")
        home.init()
        keys = ProblemKeys.create(folder / "keys", PROBLEM_ID, home.authority())
        coordinator = CountingCoordinator(keys)
        server = grpc.aio.server(options=server_options())
        rpc.add_FlIntraServicer_to_server(coordinator, server)
        port = server.add_secure_port(
            "127.0.0.1:0",
            server_credentials(keys.identity("coordinator"), keys.ca_pem, require_client=True),
        )
        await server.start()
        env = {
            **os.environ,
            "FEDOTA_SELECTOR_INDEX": "1",
            "FEDOTA_SELECTOR_PROBLEM_ID": PROBLEM_ID,
            "FEDOTA_SELECTOR_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
            "FEDOTA_SELECTOR_KEYS": str(keys.selector(1)),
            **{f"FEDOTA_SELECTOR_{key.upper()}": str(value) for key, value in settings.items()},
        }
        start = time.perf_counter()
        log = folder / "selector.log"
        try:
            with running([sys.executable, "-m", "fedota_selector"], env, log) as process:
                ready = await first_line(process)
                started_s = time.perf_counter() - start
                address = ready.split()[1]
                yield Door(
                    coordinator, psutil.Process(process.pid), folder, keys, address, started_s
                )
        except BaseException:
            sys.stderr.write(log.read_text()[-3000:])
            raise
        finally:
            await server.stop(0)
