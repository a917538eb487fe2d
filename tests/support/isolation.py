"""What can be reached from inside a container, and a machine outside to reach for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from support.images import docker

Address = tuple[str, int]

_NAMESPACE = "fedota-e2e-outside"
_LINK = "fedotae2e"
_HOST_SIDE, OUTSIDE = "10.98.76.1", "10.98.76.2"
_START_S = 10.0

# Runs inside the container: tries every address and name, and tells what answered.
_TRY = """
import concurrent.futures, json, socket, sys

def reached(address):
    try:
        socket.create_connection(address, timeout=2).close()
    except OSError:
        return False
    return True

def found(name):
    try:
        return sorted({one[4][0] for one in socket.getaddrinfo(name, None, socket.AF_INET)})
    except OSError:
        return []

asked = json.load(sys.stdin)
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    addresses = [tuple(one) for one in asked["addresses"]]
    answers = zip(addresses, pool.map(reached, addresses))
    reachable = [address for address, answered in answers if answered]
    names = dict(zip(asked["names"], pool.map(found, asked["names"])))
print(json.dumps({"addresses": reachable, "names": names}))
"""

# Runs outside: answers whoever reaches it, until its input ends.
_LISTEN = """
import socket, sys, threading
listening = socket.create_server((sys.argv[1], 0))
print(listening.getsockname()[1], flush=True)
def answer():
    while True:
        listening.accept()[0].close()
threading.Thread(target=answer, daemon=True).start()
sys.stdin.read()
"""


@dataclass(frozen=True)
class Reached:
    """What a container reached.

    Parameters
    ----------
    addresses
        Those that took a connection.
    names
        For each name that was asked for, the addresses that it has there.
    """

    addresses: frozenset[Address]
    names: dict[str, list[str]]


def reached_from(
    container: str, addresses: Iterable[Address], names: Iterable[str] = ()
) -> Reached:
    """Try addresses and names from inside a container, each for two seconds."""
    asked = json.dumps({"addresses": list(addresses), "names": list(names)})
    said = docker("exec", "--interactive", container, "python", "-P", "-c", _TRY, stdin=asked)
    found = json.loads(said)
    reachable = frozenset((host, port) for host, port in found["addresses"])
    return Reached(reachable, found["names"])


def addresses_of(container: str) -> list[str]:
    """List the addresses that a container has on its networks."""
    networks = json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", container))
    return [one["IPAddress"] for one in networks.values() if one["IPAddress"]]


@contextmanager
def listening(host: str, *, namespace: str = "") -> Iterator[Address]:
    """Listen on a port of an address for as long as the block lasts.

    Parameters
    ----------
    namespace
        The network namespace that has the address; empty: this machine's own.
    """
    inside = ("ip", "netns", "exec", namespace) if namespace else ()
    with subprocess.Popen(
        [*inside, sys.executable, "-c", _LISTEN, host],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield host, int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def outside_machine() -> Iterator[Address]:
    """Have a machine next to this one, which knows the way to this one's address and no other.

    Yields
    ------
    tuple
        The address at which it answers everybody who reaches it.
    """
    _remove()
    try:
        _ip("netns", "add", _NAMESPACE)
        _ip("link", "add", _LINK, "type", "veth", "peer", "name", "eth0", "netns", _NAMESPACE)
        _ip("addr", "add", f"{_HOST_SIDE}/30", "dev", _LINK)
        _ip("link", "set", _LINK, "up")
        _ip("-n", _NAMESPACE, "addr", "add", f"{OUTSIDE}/30", "dev", "eth0")
        _ip("-n", _NAMESPACE, "link", "set", "eth0", "up")
        with listening(OUTSIDE, namespace=_NAMESPACE) as address:
            yield address
    finally:
        _remove()


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True, timeout=_START_S)


def _remove() -> None:
    _ip("link", "del", _LINK, check=False)
    _ip("netns", "del", _NAMESPACE, check=False)
