"""The client's image under Podman, rootless where it can be; skipped where there is no Podman.

With ``FEDOTA_TEST_PODMAN_USER`` root runs it as that user, to whom a login and a range of user ids
in ``/etc/subuid`` belong. The image must be in that user's store: ``podman load -i client.tar``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import problem_toml

USER = (
    pwd.getpwnam(os.environ["FEDOTA_TEST_PODMAN_USER"]).pw_uid
    if (os.environ.get("FEDOTA_TEST_PODMAN_USER"))
    else os.geteuid()
)
ROOTLESS = USER != 0
IMAGE = "fedota/client:latest"
# Root's engine maps no ids: any will do.
INSIDE = USER if ROOTLESS else 54321


def podman(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Podman as the user that it is tried as."""
    changed = ["runuser", "-u", pwd.getpwuid(USER).pw_name, "--"]
    return subprocess.run(
        [*(changed if os.geteuid() != USER else []), "podman", *words],
        cwd=cwd or "/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module", autouse=True)
def _ready() -> None:
    if shutil.which("podman") is None:
        pytest.skip("no podman is installed")
    said = podman("run", "--rm", "--pull", "never", IMAGE, "version")
    if said.returncode != 0:
        pytest.skip(f"podman does not run {IMAGE} here: {said.stdout.strip()}")


@pytest.fixture
def holder() -> Iterator[Path]:
    """A holder's two folders, in a place that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for folder in ("data", "fedota"):
            (place / folder).mkdir()
        rows = ("x,y,answer", "1,2,yes", "3,4,no", "")
        (place / "data" / "table.csv").write_text("\n".join(rows))
        (place / "fedota" / "format.toml").write_text(problem_toml())
        for path in (place, *place.rglob("*")):
            os.chown(path, INSIDE, INSIDE if os.geteuid() == 0 else -1)
            path.chmod(0o700 if path.is_dir() else 0o600)
        place.chmod(0o755)
        yield place


def check(holder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the shown command, with `check` in place of `join`."""
    mounts = ("-v", f"{holder}/data:/data:ro", "-v", f"{holder}/fedota:/fedota")
    locked = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    asked = ("check", "--format", "/fedota/format.toml", "--report", "/fedota/check.html")
    user = ("--user", f"{INSIDE}:{INSIDE}")
    return podman(
        *("run", "--rm", "--pull", "never", "--network", "none"),
        *(*more, *user, *locked, *mounts, IMAGE, *asked),
    )


def test_data_that_is_mounted_to_be_read_alone_is_checked(holder: Path) -> None:
    done = check(holder, *(("--userns=keep-id",) if ROOTLESS else ()))
    assert done.returncode == 0, done.stdout
    assert "The data keeps the format." in done.stdout
    assert (holder / "fedota" / "check.html").stat().st_uid == INSIDE


def test_a_rootless_engine_is_told_what_it_needs(holder: Path) -> None:
    if not ROOTLESS:
        pytest.skip("root's podman maps no user ids")
    done = check(holder)
    assert done.returncode == 1
    assert '--userns=keep-id --user "$(id -u):$(id -g)"' in " ".join(done.stdout.split())
