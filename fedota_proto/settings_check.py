"""Settings from the environment, read once at a process's entry point.

Every process has one frozen pydantic-settings class. A ``FEDOTA_*`` variable that no Fedota process
knows is a typing mistake that would otherwise be silently ignored, so it stops the start with its
nearest right name. `KNOWN_VARIABLES` lists what all processes know; a test holds it against the
classes.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from fedota_proto.errors import UsageError

_PREFIX = "FEDOTA_"

KNOWN_VARIABLES: frozenset[str] = frozenset(
    {
        "FEDOTA_CLIENT_ARCHIVE",
        "FEDOTA_CLIENT_BATTERY_PERCENT",
        "FEDOTA_CLIENT_CALL_TIMEOUT_S",
        "FEDOTA_CLIENT_CONFIG",
        "FEDOTA_CLIENT_CONNECT_TIMEOUT_S",
        "FEDOTA_CLIENT_CONTAINER",
        "FEDOTA_CLIENT_DATA",
        "FEDOTA_CLIENT_DAYS",
        "FEDOTA_CLIENT_DOWNLOAD_MAX",
        "FEDOTA_CLIENT_EVALUATION_WAIT_S",
        "FEDOTA_CLIENT_FOLDER",
        "FEDOTA_CLIENT_HOME",
        "FEDOTA_CLIENT_HOURS",
        "FEDOTA_CLIENT_IMAGE",
        "FEDOTA_CLIENT_KEPT_UPDATES",
        "FEDOTA_CLIENT_LOAD_TIMEOUT_S",
        "FEDOTA_CLIENT_LOG_FILE",
        "FEDOTA_CLIENT_MEMORY_MAX",
        "FEDOTA_CLIENT_MODEL_MAX_BYTES",
        "FEDOTA_CLIENT_ON_MAINS",
        "FEDOTA_CLIENT_PAUSE_FILE",
        "FEDOTA_CLIENT_POLICY",
        "FEDOTA_CLIENT_PROBLEM",
        "FEDOTA_CLIENT_RETRY_FIRST_S",
        "FEDOTA_CLIENT_RETRY_MOST_S",
        "FEDOTA_CLIENT_SHARE_METRICS",
        "FEDOTA_CLIENT_TASK_TIMEOUT_S",
        "FEDOTA_CLIENT_THREADS",
        "FEDOTA_CLIENT_TRANSFER_TIMEOUT_S",
        "FEDOTA_CLIENT_UPLOAD_MAX",
        "FEDOTA_CLIENT_WELCOME_TIMEOUT_S",
        "FEDOTA_CLIENT_WORKER_IDLE_S",
        "FEDOTA_COORDINATOR_APP_DIR",
        "FEDOTA_COORDINATOR_CHECKPOINTS_MAX_BYTES",
        "FEDOTA_COORDINATOR_CLIENT_GRACE_S",
        "FEDOTA_COORDINATOR_EXIT_WHEN_FINISHED",
        "FEDOTA_COORDINATOR_FOLDER",
        "FEDOTA_COORDINATOR_IMAGE",
        "FEDOTA_COORDINATOR_KEYS",
        "FEDOTA_COORDINATOR_LISTEN",
        "FEDOTA_COORDINATOR_LOG_LEVEL",
        "FEDOTA_COORDINATOR_MEMORY_LIMIT_BYTES",
        "FEDOTA_COORDINATOR_NODES",
        "FEDOTA_COORDINATOR_PROBLEM_DIR",
        "FEDOTA_COORDINATOR_RUN_CONFIG",
        "FEDOTA_COORDINATOR_SELECTOR_GRACE_S",
        "FEDOTA_COORDINATOR_STATUS_ADDRESS",
        "FEDOTA_COORDINATOR_UPDATE_MAX_BYTES",
        "FEDOTA_DATABASE_URL",
        "FEDOTA_DOCKER_HOST",
        "FEDOTA_ENGINE_PROXY_ENGINE",
        "FEDOTA_ENGINE_PROXY_FOLDER",
        "FEDOTA_ENGINE_PROXY_GROUP",
        "FEDOTA_ENGINE_PROXY_IMAGES",
        "FEDOTA_ENGINE_PROXY_LISTEN",
        "FEDOTA_ENGINE_PROXY_NETWORK_POOL",
        "FEDOTA_ENGINE_PROXY_PLATFORM",
        "FEDOTA_ENGINE_PROXY_PORTS",
        "FEDOTA_ENGINE_PROXY_SWARM",
        "FEDOTA_FRONT_PORT",
        "FEDOTA_FRONT_ROUTES",
        "FEDOTA_HOME",
        "FEDOTA_JOB_IMAGE",
        "FEDOTA_JOB_MEMORY_BYTES",
        "FEDOTA_JOB_PARALLEL",
        "FEDOTA_JOB_TIME_S",
        "FEDOTA_KEEP_SERVERS",
        "FEDOTA_LIMIT_COORDINATOR_CPUS",
        "FEDOTA_LIMIT_COORDINATOR_MEMORY_BYTES",
        "FEDOTA_LIMIT_JOB_CPUS",
        "FEDOTA_LIMIT_PIDS",
        "FEDOTA_LIMIT_SELECTOR_CPUS",
        "FEDOTA_LIMIT_SELECTOR_MEMORY_BYTES",
        "FEDOTA_METRICS_TOKEN",
        "FEDOTA_MODEL_MAX_BYTES",
        "FEDOTA_NETWORK_POOL",
        "FEDOTA_OIDC_CLIENT_ID",
        "FEDOTA_OIDC_CLIENT_SECRET",
        "FEDOTA_OIDC_METADATA_URL",
        "FEDOTA_PLATFORM",
        "FEDOTA_PUBLIC_HOST",
        "FEDOTA_PUBLISH_ON",
        "FEDOTA_REGISTRATION",
        "FEDOTA_REGISTRY",
        "FEDOTA_REGISTRY_PASSWORD",
        "FEDOTA_REGISTRY_USER",
        "FEDOTA_ROUND_PORT",
        "FEDOTA_SELECTOR_ASK_TIMEOUT_S",
        "FEDOTA_SELECTOR_BDP_PROBE",
        "FEDOTA_SELECTOR_BYTE_BUDGET_BYTES",
        "FEDOTA_SELECTOR_CACHE_FOLDER",
        "FEDOTA_SELECTOR_COORDINATOR_ADDRESS",
        "FEDOTA_SELECTOR_HELD_MAX_CLIENTS",
        "FEDOTA_SELECTOR_IMAGE",
        "FEDOTA_SELECTOR_INDEX",
        "FEDOTA_SELECTOR_KEYS",
        "FEDOTA_SELECTOR_LISTEN",
        "FEDOTA_SELECTOR_LOAD_EVERY_S",
        "FEDOTA_SELECTOR_LOG_LEVEL",
        "FEDOTA_SELECTOR_NODE",
        "FEDOTA_SELECTOR_NODE_HOSTS",
        "FEDOTA_SELECTOR_PORTS",
        "FEDOTA_SELECTOR_PROBLEM_ID",
        "FEDOTA_SELECTOR_PUBLIC_ADDRESS",
        "FEDOTA_SELECTOR_REATTACH_LEAST_S",
        "FEDOTA_SELECTOR_REATTACH_MOST_S",
        "FEDOTA_SELECTOR_STALL_TIMEOUT_S",
        "FEDOTA_SELECTOR_UPDATE_MAX_BYTES",
        "FEDOTA_SELECTOR_VERDICT_TIMEOUT_S",
        "FEDOTA_SELECTOR_WINDOW_BYTES",
        "FEDOTA_SESSION_DAYS",
        "FEDOTA_SPAWNER",
        "FEDOTA_START_TIMEOUT_S",
        "FEDOTA_SWARM_CONSTRAINTS",
        "FEDOTA_SWARM_ENCRYPTED",
        "FEDOTA_SWARM_SPREAD",
        "FEDOTA_SWARM_STORAGE",
        "FEDOTA_TLS_CERT",
        "FEDOTA_TLS_KEY",
        "FEDOTA_TRUSTED_PROXY",
        "FEDOTA_WEB_HOST",
        "FEDOTA_WEB_PORT",
        "FEDOTA_WEB_URL",
        "FEDOTA_WORKER_EXAMPLES_MB",
        "FEDOTA_WORKER_GPU",
        "FEDOTA_WORKER_THREADS",
    }
)

_Settings = TypeVar("_Settings", bound=BaseSettings)


def variables_of(settings: type[BaseSettings]) -> frozenset[str]:
    """List the environment variables that a settings class reads.

    Returns
    -------
    frozenset of str
        Upper-case names, the class's ``env_prefix`` before each field.
    """
    prefix = str(settings.model_config.get("env_prefix", ""))
    return frozenset(f"{prefix}{name}".upper() for name in settings.model_fields)


def unknown_variables(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Say of each ``FEDOTA_*`` name that is not known what it may have meant.

    Parameters
    ----------
    names
        Names of environment variables; those without the prefix are not looked at.
    known
        Every right name, in upper case.

    Returns
    -------
    list of str
        One sentence for each, in the order of the names.
    """
    right = sorted(set(known))
    mistakes = []
    for name in sorted(set(names)):
        if not name.upper().startswith(_PREFIX) or name.upper() in right:
            continue
        nearest = difflib.get_close_matches(name.upper(), right, n=1, cutoff=0.6)
        hint = f"did you mean {nearest[0]}?" if nearest else "unset it."
        mistakes.append(f"No Fedota process knows the environment variable {name}: {hint}")
    return mistakes


def check_environment(environ: Mapping[str, str], *own: type[BaseSettings]) -> None:
    """Refuse an environment with a misspelt ``FEDOTA_*`` variable.

    Parameters
    ----------
    environ
        As `os.environ`.
    own
        Settings classes of the calling process, known beside `KNOWN_VARIABLES`.

    Raises
    ------
    UsageError
        With every such name and the nearest right one.
    """
    known = KNOWN_VARIABLES.union(*(variables_of(cls) for cls in own))
    mistakes = unknown_variables(environ, known)
    if mistakes:
        raise UsageError(" ".join(mistakes))


def load_settings(
    settings: type[_Settings], environ: Mapping[str, str] | None = None, **given: Any
) -> _Settings:
    """Build a process's settings from its environment, once, at its entry point.

    Parameters
    ----------
    settings
        The process's frozen settings class.
    environ
        What is checked for misspelt names, `os.environ` unless told; values are always read from
        `os.environ`.
    given
        Fields from the command line, which go before the environment.

    Raises
    ------
    UsageError
        A variable is unknown, missing or out of bounds; the message names each.
    """
    check_environment(os.environ if environ is None else environ, settings)
    try:
        return settings(**given)
    except ValidationError as error:
        prefix = str(settings.model_config.get("env_prefix", ""))
        raise UsageError(" ".join(_sentences(prefix, error)), detail=str(error)) from None


def _sentences(prefix: str, error: ValidationError) -> list[str]:
    sentences = []
    for mistake in error.errors(include_url=False, include_input=False):
        place = f"{prefix}{'.'.join(str(part) for part in mistake['loc'])}".upper()
        said = "it is not set" if mistake["type"] == "missing" else _lowered(mistake["msg"])
        sentences.append(f"Setting {place}: {said}.")
    return sentences


def _lowered(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")
