"""Run the tests in two halves side by side: one computes, the other mostly waits for processes.

``python tools/run_tests.py`` from the project's folder. Each half is a pytest of its own, with a
cache of its own; what it said is shown when it has ended. What failed is tried once more, by
itself.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PLACE = Path("build") / "tests"
# These few wait too; with them in the first, both take about as long.
_MOVED = tuple(
    f"tests/integration/test_{name}.py" for name in ("restore", "round_service", "web_problems")
)
HALVES: Mapping[str, tuple[str, ...]] = {
    "first": ("tests/unit", "tests/contract", "tests/examples", *_MOVED),
    "second": ("tests/integration", *(f"--ignore={path}" for path in _MOVED)),
}
_TELL_EVERY_S = 60.0
_LOOK_S = 0.2
_MOST_S = 3600.0


@dataclass
class Half:
    """A running pytest.

    Parameters
    ----------
    name
        Which half.
    process
        It.
    log
        What it says.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str) -> Half:
        """Start it, with its output in a file."""
        log = PLACE / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(command(name), stdout=out, stderr=subprocess.STDOUT)
        return cls(name, process, log)

    def newest_line(self) -> str:
        """Return its last line that says how far it is."""
        lines = self.log.read_text(errors="replace").splitlines()
        return next((line for line in reversed(lines) if line.endswith("%]")), "")[-79:]


def command(name: str, *more: str) -> list[str]:
    """Say how a half is run."""
    own = ("-o", f"cache_dir=.pytest_cache/{name}", "-m", "not swarm")
    return [sys.executable, "-m", "pytest", *own, *HALVES[name], *more]


def tell(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_halves() -> list[str]:
    """Run both to their ends; return the names of those that failed."""
    began = told = time.monotonic()
    failed: list[str] = []
    running = [Half.start(name) for name in HALVES]
    try:
        while running:
            time.sleep(_LOOK_S)
            now = time.monotonic()
            if now - began > _MOST_S:
                tell(f"tests: ended after {_MOST_S:g} s")
                return list(HALVES)
            for half in [one for one in running if one.process.poll() is not None]:
                running.remove(half)
                tell(half.log.read_text(errors="replace"))
                tell(f"tests: the {half.name} half took {(now - began) / 60:.1f} min")
                if half.process.returncode:
                    failed.append(half.name)
            if now - told > _TELL_EVERY_S:
                told = now
                for half in running:
                    tell(f"tests: {half.name} half: {half.newest_line()}")
    finally:
        for half in running:
            half.process.terminate()
            half.process.wait()
    return failed


def main() -> int:
    """Run them; returns 0 if all passed, at once or at the second try."""
    PLACE.mkdir(parents=True, exist_ok=True)
    for path in Path(".pytest_cache").glob("*/v/cache/lastfailed"):
        path.unlink()
    tell("tests: in two halves; what they say is shown when each has ended")
    failed = run_halves()
    for name in failed:
        tell(f"tests: once more, what failed of the {name} half, by itself")
        if subprocess.run(command(name, "--last-failed"), check=False).returncode:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
