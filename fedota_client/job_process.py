"""A job as a process of its own: its progress, its result, and its end in one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fedota_client.limits.memory import MemoryWatch
from fedota_proto.errors import FedotaError, UsageError, WorkerError

JOB_COMMAND = (sys.executable, "-m", "fedota_client", "job")
_LOOK_EVERY_S = 0.25
_USAGE = 2
_LINE_MOST = 1 << 26

_log = logging.getLogger(__name__)


async def run_job(
    arguments: Sequence[str],
    on_stage: Callable[[dict[str, Any]], None],
    *,
    timeout_s: float,
    env: Mapping[str, str] = MappingProxyType({}),
    memory_max: int = 0,
) -> dict[str, Any]:
    """Run a job that writes JSON lines, and return its result.

    Parameters
    ----------
    arguments
        The job's name and its options.
    on_stage
        Told each line but the result.
    timeout_s
        Seconds after which the job is ended.
    env
        Variables beside this process's own.
    memory_max
        Bytes of memory beyond which the job is ended; 0: no bound.

    Returns
    -------
    dict
        What stands under ``result``.

    Raises
    ------
    UsageError, WorkerError
        The job's own sentence, or how it died.
    asyncio.CancelledError
        Cancelled; the job has ended.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *JOB_COMMAND,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **env},
            limit=_LINE_MOST,
        )
    except OSError as error:
        raise WorkerError(f"The job cannot be started ({error.strerror}).") from error
    memory = MemoryWatch(memory_max)
    result: dict[str, Any] | None = None
    errors = asyncio.create_task(_all_of(process.stderr))
    watching = asyncio.create_task(_watch(process, memory))
    try:
        async with asyncio.timeout(timeout_s):
            async for line in _lines(process.stdout):
                if "result" in line:
                    result = line["result"]
                else:
                    on_stage(line)
            said = await errors
            code = await process.wait()
    except TimeoutError:
        raise WorkerError(f"The job was not done within {timeout_s:.0f} s.") from None
    finally:
        watching.cancel()
        errors.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if code == 0 and result is not None:
        return result
    raise _failure(code, said, memory)


def _failure(code: int, said: str, memory: MemoryWatch) -> FedotaError:
    _log.info("the job ended with code %d: %s", code, said)
    beyond = memory.death()
    if beyond is not None:
        return WorkerError(beyond[1])
    lines = [line for line in said.splitlines() if line.strip()]
    if code in (1, _USAGE) and lines and "Traceback" not in said:
        return UsageError(lines[-1]) if code == _USAGE else WorkerError(lines[-1])
    if code == -9:
        return WorkerError("The system ended the job, most likely because memory ran out.")
    return WorkerError(f"The job ended by itself (code {code}): look at the log.", detail=said)


async def _watch(process: asyncio.subprocess.Process, memory: MemoryWatch) -> None:
    while memory.most_bytes and process.returncode is None:
        if memory.exceeded(process.pid):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            return
        await asyncio.sleep(_LOOK_EVERY_S)


async def _all_of(stream: asyncio.StreamReader | None) -> str:
    return (await stream.read()).decode(errors="replace") if stream is not None else ""


async def _lines(stream: asyncio.StreamReader | None) -> Any:
    while stream is not None and (line := await stream.readline()):
        try:
            fields = json.loads(line)
        except ValueError:
            _log.info("%s", line.decode(errors="replace").rstrip())
            continue
        if isinstance(fields, dict):
            yield fields
