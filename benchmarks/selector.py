"""What a selector takes in, what it holds, and what that costs in memory."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from benchmarks.door import door, first_line, running
from fedota_proto.tls import client_channel, server_credentials, server_options
from fedota_server.authority import PlatformHome

FIFTY_MB = 12_500_000  # float32 elements
MIB = 1 << 20
PATH = "/bench.Stream/Take"


def _same(data: bytes) -> bytes:
    return data


async def serve_bare(folder: Path) -> None:
    """Take streams of bytes in and drop them: what gRPC itself carries."""
    home = PlatformHome(folder)
    home.init()

    async def take(chunks: AsyncIterator[bytes], context: Any) -> bytes:
        size_bytes = 0
        async for chunk in chunks:
            size_bytes += len(chunk)
        return str(size_bytes).encode()

    method: Any = grpc.stream_unary_rpc_method_handler(take)
    server = grpc.aio.server(options=server_options())
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("bench.Stream", {"Take": method})]
    )
    identity = home.webserver_identity()
    ca_pem = home.authority().pem
    port = server.add_secure_port(
        "127.0.0.1:0", server_credentials(identity, ca_pem, require_client=False)
    )
    await server.start()
    sys.stdout.write(f"ready 127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination(timeout=300)


async def send_bare(address: str, folder: Path, size_bytes: int, times: int) -> None:
    """Send `size_bytes` in chunks of 1 MiB, `times` times, one after the other."""
    ca_pem = PlatformHome(folder).authority().pem
    chunk = bytes(MIB)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(size_bytes // MIB):
            yield chunk

    async with client_channel(address, "webserver.fedota", ca_pem) as channel:
        await channel.channel_ready()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        call: Any = channel.stream_unary(PATH)
        for _ in range(times):
            answer: bytes = await call(chunks(), timeout=120)
            if int(answer) != size_bytes // MIB * MIB:
                raise RuntimeError("bytes were lost")
    sys.stdout.write("done\n")
    sys.stdout.flush()


async def bare_bytes_s(clients: int = 4, size_bytes: int = 50 * MIB, times: int = 6) -> float:
    """Measure what a bare grpc.aio TLS server takes in from `clients` processes, in bytes/s."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-bare-"))
        base = [sys.executable, "-m", "benchmarks.selector", folder]
        address = (await first_line(stack.enter_context(running(base)))).split()[1]
        send = [*base, address, str(size_bytes), str(times)]
        senders = [stack.enter_context(running(send)) for _ in range(clients)]
        for sender in senders:
            await first_line(sender)
        start = time.perf_counter()
        for sender in senders:
            if sender.stdin:
                sender.stdin.write(b"\n")
                sender.stdin.flush()
        for sender in senders:
            await first_line(sender, 120)
        return clients * times * size_bytes / (time.perf_counter() - start)


async def intake_bytes_s(clients: int = 4, rounds: int = 6) -> float:
    """Measure what a selector takes in from `clients` processes, all checks included, in bytes/s.

    From the hand-out of a round's tasks, which carry no arrays, until the last update is held.
    """
    async with door() as opened:
        coordinator = opened.coordinator
        with opened.clients(clients, clients, FIFTY_MB):
            await asyncio.wait_for(coordinator.all_accepted.wait(), 60)
            await coordinator.train(coordinator.accepted, FIFTY_MB)
            times = [await coordinator.train(coordinator.accepted, FIFTY_MB) for _ in range(rounds)]
            coordinator.finish()
    return clients * rounds * FIFTY_MB * 4 / sum(times)


async def upload_peak_mb(clients: int = 64, rounds: int = 2) -> tuple[float, float]:
    """Measure a selector's memory with 64 uploads of 50 MB at once.

    Returns
    -------
    base_mb, peak_mb : float
        With its clients held and nothing under way; at its highest.
    """
    async with door() as opened:
        coordinator = opened.coordinator
        with opened.clients(clients, 2, FIFTY_MB):
            await asyncio.wait_for(coordinator.all_accepted.wait(), 120)
            base_mb = opened.rss_kb() / 1e3
            for _ in range(rounds):
                await coordinator.train(coordinator.accepted, FIFTY_MB)
            coordinator.finish()
            return base_mb, opened.peak_mb()


async def held_kb(clients: int = 5_000, few: int = 200) -> float:
    """Measure a selector's memory per held check-in, each on a TLS connection of its own, in kB.

    The difference of two runs, so that neither the process itself nor what the first few
    connections load is counted.
    """
    held = []
    for count in (few, clients):
        async with door(held_max_clients=clients) as opened:
            with opened.clients(count, 2):
                await asyncio.wait_for(opened.coordinator.all_accepted.wait(), 240)
                held.append(opened.rss_kb())
                opened.coordinator.finish()
    return (held[1] - held[0]) / (clients - few)


def main() -> None:
    """Serve or send for `bare_bytes_s`."""
    folder = Path(sys.argv[1])
    if len(sys.argv) == 2:
        asyncio.run(serve_bare(folder))
    else:
        asyncio.run(send_bare(sys.argv[2], folder, int(sys.argv[3]), int(sys.argv[4])))


if __name__ == "__main__":
    main()
