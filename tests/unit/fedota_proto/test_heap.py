"""The C library's heap."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from fedota_proto import heap

# Ten threads that each hold a block: glibc gives each an arena of its own unless it is told not to.
ARENAS_OF_TEN_THREADS = """
import ctypes, re, tempfile, threading
from fedota_proto import heap
if {told}:
    heap.share_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
hold, ready = threading.Event(), threading.Barrier(11)
def work():
    libc.malloc(ctypes.c_size_t(50_000))
    ready.wait(20)
    hold.wait(20)
threads = [threading.Thread(target=work) for _ in range(10)]
for thread in threads:
    thread.start()
ready.wait(20)
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(len(re.findall(r"<heap nr=", file.read().decode())))
hold.set()
"""


def arenas(told: bool) -> int:
    """Count the arenas of a process with ten threads."""
    code = ARENAS_OF_TEN_THREADS.format(told=told)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return int(run.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not glibc")
def test_threads_share_two_arenas() -> None:
    assert arenas(told=False) > heap.ARENAS
    assert arenas(told=True) <= heap.ARENAS


def test_a_library_without_these_functions_needs_no_telling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    heap.share_arenas()
    heap.give_back_large_blocks()
    heap.trim()


def test_trimming_returns() -> None:
    heap.trim()
