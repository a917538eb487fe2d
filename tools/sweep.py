"""Remove what tests of containers left behind, by the labels of their platforms."""

from __future__ import annotations

import shutil
import subprocess
import sys

LABELS = (
    *(f"io.fedota.platform={name}" for name in ("fedota-test", "fedota-e2e", "fedota-swarm")),
    "com.docker.compose.project=fedota-e2e",
)
# Each kind after what holds it.
KINDS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("service", (), ("rm",)),
    ("container", ("--all",), ("rm", "--force", "--volumes")),
    ("network", (), ("rm",)),
    ("volume", (), ("rm", "--force")),
    ("secret", (), ("rm",)),
    ("config", (), ("rm",)),
)
_TIMEOUT_S = 120


def ask(*words: str) -> str:
    """Ask the engine what it may refuse: outside of a swarm it has no services.

    Returns
    -------
    str
        What it said; empty where it refused.
    """
    done = subprocess.run(
        ["docker", *words],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    return done.stdout if done.returncode == 0 else ""


def main() -> int:
    """Remove it all, and say what; returns the exit code."""
    if shutil.which("docker") is None:
        return 0
    for label in LABELS:
        for kind, listing, removing in KINDS:
            listed = ask(kind, "ls", *listing, "--filter", f"label={label}", "--quiet")
            for name in listed.split():
                ask(kind, *removing, name)
                sys.stdout.write(f"removed {kind} {name}, {label}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
