"""A real worker process, asked frame by frame."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from fedota_client.worker_protocol import (
    Frame,
    FrameReader,
    encode_frame,
    flat,
    payload_parts,
    payload_sha256,
    write_frame,
)
from fedota_proto.records import ArrayBytes, Records

NODE_ID = 4711


class WarmWorker:
    """``python -m fedota_client.worker`` and the client's ends of its pipes."""

    def __init__(self, env: Mapping[str, str], *, stderr: IO[bytes] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "fedota_client.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=dict(env),
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._to = self.process.stdin.fileno()
        self._from = FrameReader(self.process.stdout.fileno())
        self._task_id = 0
        self._names_updates = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.leave()
        self.process.wait(timeout=30)

    def leave(self) -> None:
        """Close both pipes, as a client that is gone."""
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    def send(self, kind: str, **fields: Any) -> None:
        """Write a frame without payload."""
        write_frame(self._to, kind, fields)

    def read(self) -> Frame:
        """Wait for a frame that is no progress."""
        while frame := self._from.read():
            if frame.kind != "progress":
                return frame
        raise AssertionError("the worker has closed its pipe")

    def load(self, **fields: Any) -> Frame:
        """Load model and data, or an app, whose updates bear no hash."""
        self._names_updates = fields["mode"] != "app"
        self.send("load", node_id=NODE_ID, run_id=1, **fields)
        return self.read()

    def task(
        self,
        message_type: str,
        records: Records,
        *,
        server_round: int = 1,
        attempt: int = 1,
        cancel: bool = False,
    ) -> Frame:
        """Give a task and wait for its answer, whose hash is checked."""
        self._task_id += 1
        fields = {
            "task_id": self._task_id,
            "message_type": message_type,
            "round": {"generation": 1, "server_round": server_round, "attempt": attempt},
            "node_id": NODE_ID,
            "deadline_s": 60.0,
            "message_id": f"message-{self._task_id}",
            "group_id": str(server_round),
        }
        frames = encode_frame("task", fields, payload_parts(records))
        if cancel:
            frames += encode_frame("cancel", {"task_id": self._task_id})
        os.write(self._to, b"".join(flat(frames)))
        answer = self.read()
        assert answer.fields["task_id"] == self._task_id
        if answer.kind == "result":
            digest = payload_sha256([answer.payload]).hex() if self._names_updates else ""
            assert answer.fields["update_sha256"] == digest
        return answer


def task_records(arrays: Mapping[str, np.ndarray], **config: float) -> Records:
    """Return the payload of a training task."""
    return Records(
        arrays={"arrays": {name: ArrayBytes.from_numpy(array) for name, array in arrays.items()}},
        config={"config": {"server-round": 1, **config}},
        order=["arrays", "config"],
    )
