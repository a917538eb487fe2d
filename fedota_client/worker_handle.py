"""The worker as the client sees it: started once, kept warm, started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from fedota_client.failures import TaskFailedError
from fedota_client.limits.memory import MemoryWatch
from fedota_client.worker_pipe import WorkerPipe, make_pipe
from fedota_client.worker_protocol import Frame
from fedota_proto.errors import FedotaError, WorkerError, error_tree
from fedota_proto.records import Buffer

WORKER_COMMAND = (sys.executable, "-m", "fedota_client.worker")
# glibc's malloc then asks for huge pages, and a copy of a large array costs a sixth: its pages are
# made in hundreds, not one by one.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
# A start that takes so long is put off: the process stays for so many times its length.
LONG_LOAD_S = 30.0
LOADS_WORTH = 10
_STOP_S = 3.0
_CANCEL_S = 5.0
_TRIES = 3
_EXIT_S = 10.0
_LINE_MOST = 4_000
_LOOK_EVERY_S = 0.25

_log = logging.getLogger(__name__)

_CLASSES = {cls.code: cls for cls in error_tree()}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a worker has loaded."""

    examples: int
    train_examples: int
    holdout_examples: int
    details: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the worker stands in a task; counts from 1, 0 where unknown."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float | None


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What a task brought: the worker's payload and its hash (32 bytes).

    `privacy` says what it costs, empty where no noise was added.
    """

    update_sha256: bytes
    payload: memoryview
    privacy: Mapping[str, Any] = field(default_factory=dict)


class WorkerHandle:
    """Keeps one worker process; one task at a time.

    Parameters
    ----------
    load
        Fields of the ``load`` frame, sent to every process that is started.
    command
        What to start.
    load_timeout_s
        Seconds in which a process must have loaded.
    on_output
        Told each line that the worker writes to standard error (and its prints).
    env
        Variables that the worker gets beside this process's own.
    memory_max
        Bytes of memory beyond which the process is ended; 0: no bound.
    """

    def __init__(
        self,
        load: dict[str, Any],
        *,
        command: Sequence[str] = WORKER_COMMAND,
        load_timeout_s: float = 900.0,
        on_output: Callable[[str], None] = lambda line: None,
        env: Mapping[str, str] = MappingProxyType({}),
        memory_max: int = 0,
    ) -> None:
        self._load = load
        self._env = dict(env)
        self._memory = MemoryWatch(memory_max)
        self._idle_since_s = time.monotonic()
        self._load_s = 0.0
        self._command = tuple(command)
        self._load_timeout_s = load_timeout_s
        self._on_output = on_output
        self._on_progress: Callable[[Progress], None] = lambda progress: None
        self._process: asyncio.subprocess.Process | None = None
        self._pipe: WorkerPipe | None = None
        self._ready: asyncio.Task[Loaded] | None = None
        self._loading: asyncio.Future[Loaded] | None = None
        self._task_id = 0
        self._working: asyncio.Future[Frame] | None = None
        self._output: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._closed = False
        self._one_task = asyncio.Lock()

    async def start(self) -> Loaded:
        """Start the process and wait until it has loaded model and data.

        Returns
        -------
        Loaded
            What it says of the data.

        Raises
        ------
        FedotaError
            The worker refused model or data, in the class that it names; `WorkerError` if it died
            or did not load in time.
        """
        return await asyncio.shield(self._launched())

    async def work(
        self,
        fields: dict[str, Any],
        payload: Sequence[Buffer],
        *,
        timeout_s: float,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> WorkResult:
        """Let the worker do one task.

        Cancelling this tells the worker to stop; one that does not within a few seconds is killed
        and another started. The next task waits for that.

        Parameters
        ----------
        fields
            Of the ``task`` frame.
        payload
            The task's payload in parts; must not change until this returns.
        timeout_s
            Seconds after which the worker is ended.
        on_progress
            Told how the task goes on.

        Returns
        -------
        WorkResult
            The worker's update.

        Raises
        ------
        TaskFailedError
            The task brings no update; the code says why. The worker, or another in its place, is
            there for the next task.
        """
        try:
            async with asyncio.timeout(timeout_s), self._one_task:
                self._on_progress = on_progress
                frame = await self._exchange(fields, payload)
        except TimeoutError:
            raise TaskFailedError(
                "deadline", f"The work was not done within its deadline of {timeout_s:.0f} s."
            ) from None
        if frame.kind == "failed":
            raise TaskFailedError(str(frame.fields["code"]), str(frame.fields["reason"]))
        return WorkResult(
            bytes.fromhex(frame.fields["update_sha256"]),
            frame.payload,
            frame.fields.get("privacy") or {},
        )

    @property
    def pid(self) -> int:
        """Process id of the worker, 0 while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else 0

    def rest(self, idle_s: float) -> bool:
        """End a process that has had nothing to do for so long; the next task starts another.

        One that took long to load its data is kept for several times as long, so that a client
        with much data does not read it again for every round.

        Parameters
        ----------
        idle_s
            0: end it whatever it took.

        Returns
        -------
        bool
            Whether it was ended.
        """
        pipe, ready = self._pipe, self._ready
        if pipe is None or ready is None or not ready.done() or self._one_task.locked():
            return False
        settled = self._settling is None or self._settling.done()
        if idle_s and self._load_s > LONG_LOAD_S:
            idle_s = max(idle_s, LOADS_WORTH * self._load_s)
        if not settled or time.monotonic() - self._idle_since_s < idle_s:
            return False
        pipe.close()  # which the worker takes as its end
        self._pipe = self._ready = None
        return True

    def kill(self) -> None:
        """End the process at once; none is started any more. `close` is still to be called."""
        self._closed = True
        self._end_process()

    async def close(self) -> None:
        """End the process: within a few seconds if it is idle, else at once."""
        self._closed = True
        process = self._process
        if process is not None and self._pipe is not None and self._task_id == 0:
            self._pipe.send("stop")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _STOP_S)
        for task in (self._settling, self._ready, self._ending, self._watching):
            if task is not None:
                task.cancel()
                await asyncio.wait([task], timeout=_STOP_S)
        self._end_process()
        await self._ended(0.0)
        if self._output is not None:
            self._output.cancel()
            await asyncio.wait([self._output], timeout=_STOP_S)

    async def _exchange(self, fields: dict[str, Any], payload: Sequence[Buffer]) -> Frame:
        pipe = await self._available()
        self._working = asyncio.get_running_loop().create_future()
        self._task_id = int(fields["task_id"])
        pipe.send("task", fields, payload)
        try:
            frame = await self._working
        except asyncio.CancelledError:
            self._working = asyncio.get_running_loop().create_future()
            self._settling = asyncio.create_task(self._settle(self._working))
            raise
        except TaskFailedError:
            self._idle()
            raise
        self._idle()
        return frame

    async def _available(self) -> WorkerPipe:
        """Wait for a process that has loaded and has nothing to do, started anew if need be.

        Raises
        ------
        TaskFailedError
            There is none.
        """
        for _ in range(_TRIES):
            for task in (self._ending, self._settling):
                if task is not None and not task.done():
                    await asyncio.wait([task])
            if self._closed:
                break
            ready = self._launched()
            if not ready.done():
                await asyncio.wait([ready])
            try:
                ready.result()
            except FedotaError as error:
                raise TaskFailedError(error.code, error.public_message) from error
            if self._pipe is not None:
                return self._pipe
            if self._ready is ready:
                self._ready = None
        raise TaskFailedError("crashed", "The worker has ended.")

    def _idle(self) -> None:
        self._idle_since_s = time.monotonic()
        self._working = None
        self._task_id = 0

    async def _settle(self, working: asyncio.Future[Frame]) -> None:
        """Wait a little until the worker has dropped its task, else kill it."""
        if self._pipe is not None:
            self._pipe.send("cancel", {"task_id": self._task_id})
        try:
            await asyncio.wait_for(working, _CANCEL_S)
        except TimeoutError:
            self._end_process()
            self._launch_in_background()
        except TaskFailedError:
            pass  # it died instead, and another has been started
        finally:
            self._idle()

    def _launched(self) -> asyncio.Task[Loaded]:
        """Return the start of the present process; one that failed is tried again."""
        ready = self._ready
        if ready is None or (ready.done() and (ready.cancelled() or ready.exception())):
            ready = self._ready = asyncio.create_task(self._launch())
        return ready

    def _launch_in_background(self) -> None:
        """Start another process, so that it is warm for the next task."""
        if not self._closed:
            self._ready = asyncio.create_task(self._launch())
            self._ready.add_done_callback(_seen)

    async def _launch(self) -> Loaded:
        await self._ended(_EXIT_S)
        loading = self._loading = asyncio.get_running_loop().create_future()
        try:
            await self._spawn()
            began_s = time.monotonic()
            async with asyncio.timeout(self._load_timeout_s):
                loaded: Loaded = await loading
                self._idle_since_s = time.monotonic()
                self._load_s = self._idle_since_s - began_s
                return loaded
        except TimeoutError:
            self._end_process()
            raise WorkerError(
                f"The worker did not load model and data within {self._load_timeout_s:.0f} s: "
                "look at client.log in the client's folder."
            ) from None
        except OSError as error:
            raise WorkerError(f"The worker cannot be started ({error.strerror}).") from error
        except FedotaError:
            self._end_process()
            raise
        finally:
            self._loading = None

    async def _spawn(self) -> None:
        to_worker_read, to_worker_write = make_pipe()
        from_worker_read, from_worker_write = make_pipe()
        try:
            # A session of its own: Ctrl-C in the terminal reaches the client alone.
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=to_worker_read,
                stdout=from_worker_write,
                stderr=asyncio.subprocess.PIPE,
                env={**HUGE_PAGES, **os.environ, **self._env},
                start_new_session=True,
            )
        except OSError:
            os.close(to_worker_write)
            os.close(from_worker_read)
            raise
        finally:
            os.close(to_worker_read)
            os.close(from_worker_write)
        self._pipe = WorkerPipe(from_worker_read, to_worker_write, self._on_frame, self._on_end)
        self._output = asyncio.create_task(self._drain(self._process))
        if self._memory.most_bytes:
            self._watching = asyncio.create_task(self._watch_memory(self._process))
        self._pipe.send("load", self._load)

    def _on_frame(self, frame: Frame) -> None:
        fields = frame.fields
        loading, working = self._loading, self._working
        if frame.kind == "loaded" and loading is not None and not loading.done():
            loading.set_result(
                Loaded(
                    int(fields.get("examples", 0)),
                    int(fields.get("train_examples", 0)),
                    int(fields.get("holdout_examples", 0)),
                    str(fields.get("details", "")),
                )
            )
        elif frame.kind == "error" and loading is not None and not loading.done():
            cls = _CLASSES.get(str(fields.get("code")), WorkerError)
            loading.set_exception(cls(str(fields.get("public_message", ""))))
        elif fields.get("task_id") != self._task_id or working is None or working.done():
            return
        elif frame.kind == "progress":
            self._on_progress(
                Progress(
                    int(fields.get("epoch", 0)),
                    int(fields.get("epochs", 0)),
                    int(fields.get("batch", 0)),
                    int(fields.get("batches", 0)),
                    fields.get("loss"),
                )
            )
        elif frame.kind in {"result", "failed"}:
            working.set_result(frame)

    def _on_end(self, reason: str) -> None:
        """Learn that the worker has closed its pipe, or (with a reason) broken the protocol."""
        self._pipe = None
        if not self._closed:
            self._ending = asyncio.create_task(self._after_end(reason))

    async def _after_end(self, reason: str) -> None:
        forced = await self._ended(0.0 if reason else _EXIT_S)
        if forced and not reason:
            reason = "it closed its pipe and went on."
        code, sentence = self._memory.death() or _death(
            self._process.returncode if self._process else None, reason
        )
        _log.warning("%s", sentence)
        if self._loading is not None and not self._loading.done():
            self._loading.set_exception(
                WorkerError(f"{sentence} Look at client.log in the client's folder.")
            )
        elif self._working is not None and not self._working.done():
            self._working.set_exception(TaskFailedError(code, sentence))
            self._launch_in_background()
        else:
            # It died idle: the next task starts another, so that a bad one is not started for ever.
            self._ready = None

    def _end_process(self) -> None:
        """Kill the process, if there is one; its death is then no news."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _ended(self, timeout_s: float) -> bool:
        """Wait until the process is gone; after the timeout it is killed.

        Returns
        -------
        bool
            Whether it had to be killed.
        """
        process = self._process
        if process is None or process.returncode is not None:
            return False
        try:
            await asyncio.wait_for(process.wait(), timeout_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            return True
        return False

    async def _watch_memory(self, process: asyncio.subprocess.Process) -> None:
        """End the process as soon as it holds more memory than it may."""
        while process.returncode is None:
            if self._memory.exceeded(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _drain(self, process: asyncio.subprocess.Process) -> None:
        stream = process.stderr
        rest = b""
        while stream is not None and (data := await stream.read(1 << 16)):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._on_output(line[:_LINE_MOST].decode(errors="replace"))
            rest = rest[-_LINE_MOST:]
        if rest:
            self._on_output(rest.decode(errors="replace"))


def _seen(task: asyncio.Task[Loaded]) -> None:
    """Mark a background start's failure as seen: the next task tries again and reports it."""
    if not task.cancelled() and task.exception() is not None:
        _log.warning("the worker did not start again: %s", task.exception())


def _death(returncode: int | None, reason: str) -> tuple[str, str]:
    """Say of a worker that has ended why, as a code and a sentence without private detail."""
    if reason:
        return "crashed", f"The worker broke its protocol: {reason}"
    if returncode == -signal.SIGKILL:
        return (
            "out-of-memory",
            "The system killed the worker, most likely because memory ran out.",
        )
    if returncode is not None and returncode < 0:
        return "crashed", f"The worker crashed ({signal.Signals(-returncode).name})."
    return "crashed", f"The worker ended by itself (code {returncode})."
