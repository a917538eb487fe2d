"""Build Fedota's images, save the client's as an archive, and say what each one weighs.

::

    python tools/images.py                    all of them
    python tools/images.py selector client    some

Where the engine's client has BuildKit the images are built beside each other, else one after the
other. The client's image is saved to ``build/images/client.tar``, from which `fedota problem image`
makes a problem's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fedota_server.problem_image.client_archive import ClientArchive
from fedota_server.problem_image.squeezing import squeeze

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "images"
ARCHIVE = OUT / "client.tar"
BASE = "python:3.11-slim"
# The largest first: the others are built in its shadow.
TARGETS = (
    "client",
    "webserver",
    "database",
    "coordinator",
    "front",
    "selector",
    "engine-proxy",
)
_BUILD_TIMEOUT_S = 1800
_CALL_TIMEOUT_S = 300
_AT_ONCE = 3
_HEAVIEST = 4
_PACKAGES = "/opt/fedota/lib/python3.11/site-packages"
_WEIGH = f"du -sk {_PACKAGES}/* 2>/dev/null | sort -rn | head -{_HEAVIEST}"
_WEIGH_DEBIAN = "dpkg-query -W -f '${Installed-Size}\\t${Package}\\n' | sort -rn | head -%d"


@dataclass(frozen=True)
class Builder:
    """A command that builds.

    Parameters
    ----------
    program
        The engine's command-line client.
    has_buildkit
        Whether it can build stages beside each other.
    """

    program: str
    has_buildkit: bool

    @property
    def environment(self) -> dict[str, str]:
        """What it is told besides its words."""
        return {**os.environ, "DOCKER_BUILDKIT": "1" if self.has_buildkit else "0"}


@dataclass(frozen=True)
class Weight:
    """What one image weighs.

    Parameters
    ----------
    target
        Its name after ``fedota/``.
    size_bytes
        All of it.
    over_base_bytes
        Without the base image.
    heaviest
        Its largest parts, with their megabytes.
    """

    target: str
    size_bytes: int
    over_base_bytes: int
    heaviest: tuple[tuple[str, int], ...]


def find_builder(path: str) -> Builder | None:
    """Choose among the engine's clients on the search path the first with BuildKit, else the first.

    Clients before 23 bring BuildKit along; newer ones need their plug-in buildx.
    """
    found = [
        program
        for folder in path.split(os.pathsep)
        if (program := shutil.which("docker", path=folder)) is not None
    ]
    for program in found:
        if _has_buildkit(program):
            return Builder(program, has_buildkit=True)
    return Builder(found[0], has_buildkit=False) if found else None


def _has_buildkit(program: str) -> bool:
    asked = ["version", "--format", "{{.Client.Version}}"]
    answer = subprocess.run(
        [program, *asked], check=False, capture_output=True, text=True, timeout=_CALL_TIMEOUT_S
    )
    major = answer.stdout.partition(".")[0]
    if major.isdecimal() and int(major) < 23:
        return True
    buildx = subprocess.run(
        [program, "buildx", "version"], check=False, capture_output=True, timeout=_CALL_TIMEOUT_S
    )
    return buildx.returncode == 0


def docker(*words: str, timeout_s: float = _CALL_TIMEOUT_S) -> str:
    """Ask the engine something.

    Raises
    ------
    subprocess.CalledProcessError
        It refuses; what it said is in ``stderr``.
    """
    return subprocess.run(
        ["docker", *words],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    ).stdout


def engine_lacks() -> str:
    """Say what an engine of this machine lacks for building; empty if nothing."""
    try:
        docker("version")
        docker("image", "inspect", BASE)
    except subprocess.CalledProcessError as error:
        return str(error.stderr).strip() or "no engine answers"
    return ""


def labels() -> dict[str, str]:
    """Say which release and which state of the sources the images are made from."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = {"org.opencontainers.image.version": str(document["project"]["version"])}
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        found["org.opencontainers.image.revision"] = told.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        found["org.opencontainers.image.revision"] = "unknown"
    return found


def build(
    builder: Builder, target: str, wanted: Mapping[str, str], arguments: Sequence[str]
) -> str:
    """Build one image; returns the end of what the builder said if it failed."""
    described = [word for name, value in wanted.items() for word in ("--label", f"{name}={value}")]
    done = subprocess.run(
        [
            *(builder.program, "build", "--network", "host", "--target", target),
            *("--tag", f"fedota/{target}:latest", "--file", "docker/Dockerfile"),
            *described,
            *arguments,
            ".",
        ],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_BUILD_TIMEOUT_S,
        env=builder.environment,
    )
    (OUT / f"{target}.log").write_text(done.stdout)
    return "" if done.returncode == 0 else "\n".join(done.stdout.splitlines()[-30:])


def build_all(builder: Builder, targets: Sequence[str], arguments: Sequence[str]) -> int:
    """Build the images and say how long each took; returns the exit code."""
    wanted = labels()

    def one(target: str) -> tuple[str, str, float]:
        began = time.monotonic()
        return target, build(builder, target, wanted, arguments), time.monotonic() - began

    with ThreadPoolExecutor(_AT_ONCE if builder.has_buildkit else 1) as pool:
        for target, failure, seconds in pool.map(one, targets):
            sys.stdout.write(f"fedota/{target}: {seconds:.0f} s\n")
            sys.stdout.flush()
            if failure:
                pool.shutdown(cancel_futures=True)
                sys.stderr.write(f"{failure}\nfedota/{target} could not be built\n")
                return 1
    # Those of ours that lost their name to the new ones.
    docker("image", "prune", "--force", "--filter", "label=io.fedota.image")
    return 0


def save_client() -> None:
    """Save the client's image, its layers compressed, as an archive that any engine loads."""
    began = time.monotonic()
    saved = ARCHIVE.with_suffix(".saved")
    try:
        docker("save", "--output", str(saved), "fedota/client:latest", timeout_s=_BUILD_TIMEOUT_S)
        squeeze(ClientArchive.read(saved), ARCHIVE)
    finally:
        saved.unlink(missing_ok=True)
    sys.stdout.write(
        f"{ARCHIVE.relative_to(ROOT)}: {ARCHIVE.stat().st_size / 1e6:.0f} MB, "
        f"{time.monotonic() - began:.0f} s\n"
    )


def size_of(image: str) -> int:
    """Return an image's size in bytes."""
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def weigh(target: str) -> Weight:
    """Weigh an image that is there."""
    image = f"fedota/{target}:latest"
    size, base = size_of(image), size_of(BASE)
    of_debian = target in ("database", "front")
    asked = _WEIGH_DEBIAN % _HEAVIEST if of_debian else _WEIGH
    listed = docker("run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", asked)
    heaviest = []
    for line in listed.splitlines():
        kilobytes, _, place = line.partition("\t")
        heaviest.append((place.rpartition("/")[2], round(int(kilobytes) / 1024)))
    return Weight(target, size, size - base, tuple(heaviest))


def table(weights: Sequence[Weight]) -> str:
    """Lay out what the images weigh."""
    lines = [f"{'image':<22}{'MB':>6}{'over base':>11}   what weighs"]
    for one in weights:
        parts = ", ".join(f"{name} {megabytes}" for name, megabytes in one.heaviest if megabytes)
        lines.append(
            f"fedota/{one.target:<15}{one.size_bytes / 1e6:>6.0f}"
            f"{one.over_base_bytes / 1e6:>11.0f}   {parts}"
        )
    return "\n".join(lines)


def main() -> int:
    """Build, save, weigh; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="IMAGE", help=f"of {', '.join(TARGETS)}")
    parser.add_argument(
        "--or-skip", action="store_true", help="without an engine do nothing, outside of CI"
    )
    parser.add_argument("--no-cache", action="store_true", help="build as if for the first time")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    unknown = sorted(set(given.targets) - set(TARGETS))
    if unknown:
        parser.error(f"there is no image {unknown[0]}; there are {', '.join(TARGETS)}")
    builder = find_builder(os.environ.get("PATH", os.defpath))
    lacking = engine_lacks() if builder else "no docker is installed"
    if builder is None or lacking:
        skipped = given.or_skip and not os.environ.get("CI")
        sys.stderr.write(f"images: {lacking}{'; skipped' if skipped else ''}\n")
        return 0 if skipped else 1
    try:
        targets = given.targets or list(TARGETS)
        OUT.mkdir(parents=True, exist_ok=True)
        arguments = [f"--build-arg={one}" for one in given.build_arg]
        arguments += ["--no-cache"] if given.no_cache else []
        if build_all(builder, targets, arguments):
            return 1
        if "client" in targets:
            save_client()
        weights = [weigh(target) for target in targets]
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"images: {' '.join(error.cmd[:3])}: {(error.stderr or '').strip()}\n")
        return 1
    (OUT / "sizes.json").write_text(
        json.dumps({one.target: one.over_base_bytes for one in weights}, indent=1) + "\n"
    )
    sys.stdout.write(f"\n{table(weights)}\nfor {os.uname().machine}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
