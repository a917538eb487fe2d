"""No mount covers another, and none is made twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedota_server.spawners.mounts import mounts


@pytest.mark.parametrize(
    ("reads", "writes", "expected"),
    [
        ((), (), ([], [])),
        (("/p/b", "/p/a"), (), (["/p/a", "/p/b"], [])),
        (("/p/a", "/p/a"), (), (["/p/a"], [])),
        (("/p/a/b", "/p/a", "/p/ab"), (), (["/p/a", "/p/ab"], [])),
        (("/p/out/of",), ("/p/out",), ([], ["/p/out"])),
        (("/p",), ("/p/out",), (["/p"], ["/p/out"])),
        ((), ("/p/out/in", "/p/out"), ([], ["/p/out"])),
    ],
)
def test_what_another_mount_shows_is_left_out(
    reads: tuple[str, ...], writes: tuple[str, ...], expected: tuple[list[str], list[str]]
) -> None:
    assert mounts(map(Path, reads), map(Path, writes)) == expected
