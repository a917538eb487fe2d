"""A tree's memory: descendants are looked for seldom, and what is gone counts nothing."""

from __future__ import annotations

import os
import subprocess
import sys

from fedota_server.spawners.tree_memory import TreeMemory

MIB = 1 << 20


def test_descendants_count_from_the_next_look_for_them() -> None:
    now_s = [0.0]
    memory = TreeMemory(os.getpid(), family_every_s=1.0, clock=lambda: now_s[0])
    alone = memory.size_bytes()
    assert alone > 0
    hold = "import sys; held = b'x' * (300 << 20); print(flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        now_s[0] = 0.5
        assert memory.size_bytes() < alone + 200 * MIB
        now_s[0] = 1.0
        assert memory.size_bytes() > 300 * MIB
        child.kill()
    assert memory.size_bytes() < alone + 200 * MIB


def test_a_process_that_is_gone_holds_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(60)
    assert TreeMemory(child.pid).size_bytes() == 0
