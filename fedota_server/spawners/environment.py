"""The programs of each role, and the whole environment that a process of ours gets."""

from __future__ import annotations

from collections.abc import Mapping

from fedota_server.spawners.base import Role

PROGRAMS: Mapping[Role, str] = {
    Role.COORDINATOR: "fedota_server.coordinator",
    Role.SELECTOR: "fedota_selector",
    Role.CLIENT: "fedota_client",
}

# What a process needs from its surroundings beside its own settings: where programs, locale,
# temporary files and devices are. Never a token, a proxy or somebody else's settings.
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "TF_CPP_MIN_LOG_LEVEL",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)

# By whose names a process's own settings start; the spawner's surroundings may hold them too.
_OWN_PREFIXES: Mapping[Role, tuple[str, ...]] = {
    Role.COORDINATOR: ("FEDOTA_COORDINATOR_",),
    Role.SELECTOR: ("FEDOTA_SELECTOR_",),
    Role.CLIENT: ("FEDOTA_CLIENT_", "FEDOTA_WORKER_"),
}

# glibc's malloc then asks for huge pages, and a copy of a large array costs a sixth: its pages are
# made in hundreds, not one by one.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def minimal_environment(
    environ: Mapping[str, str], role: Role, settings: Mapping[str, str]
) -> dict[str, str]:
    """Build the whole environment of a process.

    Parameters
    ----------
    environ
        The parent's; of its ``FEDOTA_*`` variables those of the process's own role are passed on.
    role
        Which program it is.
    settings
        The process's own ``FEDOTA_*`` variables, which go before the parent's.

    Returns
    -------
    dict
        What must be passed on, the settings, and nothing else.
    """
    passed = {name: value for name, value in environ.items() if name in _PASSED_ON}
    return {**passed, **container_environment(environ, role, settings)}


def container_environment(
    environ: Mapping[str, str], role: Role, settings: Mapping[str, str]
) -> dict[str, str]:
    """Build what a container is told beside what its image says.

    Parameters
    ----------
    environ, role, settings
        As for `minimal_environment`.
    """
    own = _OWN_PREFIXES[role]
    passed = {name: value for name, value in environ.items() if name.startswith(own)}
    return {**passed, "PYTHONUNBUFFERED": "1", **HUGE_PAGES, **settings}
