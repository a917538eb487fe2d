"""Generate Python code and type stubs from the protos, or check that they are not stale."""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("fedota_proto/v1")
BIN = Path(sys.executable).parent
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def generate(out: Path) -> None:
    """Write the generated modules of every proto below `out`."""
    protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE).glob("*.proto"))
    plugins = [
        f"--plugin=protoc-gen-{name}={BIN / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")
    ]
    outs = [f"--{name}_out={out}" for name in ("python", "grpc_python", "mypy", "mypy_grpc")]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I.", *plugins, *outs, *protos],
        cwd=ROOT,
        check=True,
        timeout=120,
        stderr=subprocess.DEVNULL,
    )


def stale(fresh: Path) -> list[str]:
    """List the generated files that differ from the fresh ones, lack, or have no proto."""
    here, there = (
        {path.name for pattern in GENERATED for path in (base / PACKAGE).glob(pattern)}
        for base in (ROOT, fresh)
    )
    same, _, _ = filecmp.cmpfiles(
        ROOT / PACKAGE, fresh / PACKAGE, sorted(here & there), shallow=False
    )
    return sorted((here | there) - set(same))


def main() -> int:
    """Generate, or with ``--check`` compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    if not parser.parse_args().check:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        differing = stale(Path(folder))
    if differing:
        sys.stderr.write(f"stale: {', '.join(differing)}; run `make protos` and commit\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
