"""Run a module as a program whose life hangs on its parent's.

``python -P -m fedota_server.spawners.launch GRACE_S MODULE [ARGUMENT …]`` runs in the process that
becomes the program, so nothing is executed between fork and exec, which would be unsafe beside
gRPC's threads. Standard input is the lifeline: a pipe whose other end the parent alone holds. The
operating system closes it when the parent dies, however it dies; the program is then asked to
stop, and its whole process group is killed after ``GRACE_S`` seconds (at once for 0).
"""

from __future__ import annotations

import contextlib
import os
import resource
import runpy
import signal
import sys
import threading
import time


def _follow_parent(lifeline: int, grace_s: float, orphaned: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(lifeline, 4096):
            pass
    orphaned.set()
    if grace_s > 0:
        os.killpg(0, signal.SIGTERM)
        time.sleep(grace_s)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Take up the lifeline, then become the module."""
    grace_s, module, *arguments = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    orphaned = threading.Event()
    following = (lifeline, float(grace_s), orphaned)
    threading.Thread(target=_follow_parent, args=following, name="lifeline", daemon=True).start()
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        if orphaned.is_set():
            os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
