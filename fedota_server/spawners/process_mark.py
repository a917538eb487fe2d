"""Which process a pid meant: numbers are given out again, starting times are not.

Loads little: every keeper imports it.
"""

from __future__ import annotations

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def started(pid: int) -> str:
    """Tell when a process was started, as a mark to compare.

    Parameters
    ----------
    pid
        Any process's of this machine.

    Returns
    -------
    str
        Empty when no such process runs; one that has ended counts as gone, whether or not its
        parent has taken note.
    """
    if pid <= 0:
        return ""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        with open(_BOOT_ID) as file:
            boot_id = file.read().strip()
    except FileNotFoundError:
        return "" if _has_proc() else _started_by_ps(pid)
    except ProcessLookupError:
        return ""
    return "" if fields[0] in (b"Z", b"X") else f"{boot_id} {fields[19].decode()}"


def lives(pid: int, mark: str) -> bool:
    """Tell whether the process that `started` gave this mark to still runs."""
    return bool(mark) and started(pid) == mark


def _has_proc() -> bool:
    from os.path import exists

    return exists(_BOOT_ID)


def _started_by_ps(pid: int) -> str:
    """Ask where there is no /proc."""
    import subprocess

    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    state, _, when = said.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else when.strip()
