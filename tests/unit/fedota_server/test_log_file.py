"""A log never grows beyond its size, and its newest lines are found again."""

from pathlib import Path

import pytest

from fedota_server.spawners.log_file import last_lines
from fedota_server.spawners.rotating_log import RotatingLog


def test_what_is_written_is_there_at_once(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "logs" / "s.log")
    log.write(b"one\n")
    assert Path(log.path).read_bytes() == b"one\n"
    log.write(b"two\n")
    log.close()
    again = RotatingLog(Path(log.path))
    again.write(b"three\n")
    again.close()
    assert Path(log.path).read_bytes() == b"one\ntwo\nthree\n"
    assert again.tail() == "three\n"


def test_nothing_written_makes_no_file(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "s.log")
    log.write(b"")
    log.close()
    assert not Path(log.path).exists()


def test_it_is_rotated_by_size_and_the_oldest_is_dropped(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "s.log", max_bytes=10, backups=2)
    for number in range(8):
        log.write(f"line {number}\n".encode())
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.log", "s.log.1", "s.log.2"]
    assert Path(log.path).read_text() == "line 7\n"
    assert Path(log.path).with_name("s.log.2").read_text() == "line 5\n"
    assert last_lines(Path(log.path), 2) == "line 6\nline 7\n"
    assert last_lines(Path(log.path), 1) == "line 7\n"
    assert last_lines(Path(log.path), 0) == ""


def test_without_backups_there_is_one_file(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "s.log", max_bytes=10, backups=0)
    log.write(b"12345678\n")
    log.write(b"abcdefgh\n")
    log.close()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"abcdefgh\n"]


def test_the_tail_is_bounded(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "s.log")
    for _ in range(100):
        log.write(b"x" * 4095 + b"\n")
    log.write(b"the end\n")
    log.close()
    assert log.tail().endswith("the end\n")
    assert len(log.tail()) <= 64 << 10


def test_a_disk_that_refuses_costs_the_line_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").write_text("in the way")
    log = RotatingLog(tmp_path / "logs" / "s.log")
    log.write(b"lost\n")
    assert log.tail() == "lost\n"
    assert "cannot be written" in caplog.text
