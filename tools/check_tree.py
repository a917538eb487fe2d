"""Refuse what must never be in the repository: index addresses, machines' paths, lock files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FORBIDDEN = {
    "the address of a package index": re.compile(
        r"index[-_]url\s*[=:]|--find-links|https?://[^\s\"']*/simple\b"
    ),
    "a path of one machine": re.compile(r"(?<![A-Za-z0-9_.~-])/(?:root|home/[a-z]+|Users)/"),
    "unpickling": re.compile(r"allow_pickle\s*=\s*True|\bpickle\.loads?\("),
    "an insecure channel": re.compile(r"insecure_channel\(|add_insecure_port\("),
}
LOCK_FILES = ("uv.lock", "poetry.lock", "Pipfile.lock")
SKIPPED_SUFFIXES = (".png", ".keras", ".safetensors", ".csv")


def tracked_files() -> list[Path]:
    """List the files that git tracks."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name]


def findings(path: Path) -> list[str]:
    """List what must not be in one file, each with its line."""
    if path.name in LOCK_FILES:
        return [f"{path.relative_to(ROOT)}: lock files hold addresses"]
    if path.suffix in SKIPPED_SUFFIXES or path == Path(__file__).resolve() or not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        f"{path.relative_to(ROOT)}:{number}: {what}"
        for number, line in enumerate(lines, start=1)
        for what, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]


def main() -> int:
    """Check every tracked file; returns the exit code."""
    files = tracked_files()
    found = [finding for path in files for finding in findings(path)]
    for finding in found:
        sys.stderr.write(finding + "\n")
    if not files:
        sys.stderr.write("no tracked file was found: run inside the repository\n")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
