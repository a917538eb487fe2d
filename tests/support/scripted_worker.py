"""A worker without Keras, run as ``python -m support.scripted_worker``.

It speaks the real worker's protocol through the real worker's loop. What it computes is
`support.updates.honest_update`; before each task it asks the test's director what to do. Its folder
of data holds ``script.json``: the director's port, its client's name, its seed and its weight.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fedota_client.failures import TaskFailedError
from fedota_client.worker import main as worker
from fedota_client.worker.tasks import Progress, Task, TaskRunner
from fedota_client.worker_protocol import Frame
from fedota_proto.errors import DataError
from fedota_proto.manifest import Manifest
from fedota_proto.npy import npy_view
from fedota_proto.records import ArrayBytes, Records
from support.updates import honest_update


class ScriptedRunner:
    """Does what the director says.

    Parameters
    ----------
    fields
        Of the ``load`` frame.
    inbox
        A descriptor that is readable when the client has said something.
    """

    names_updates = True

    def __init__(self, fields: dict[str, Any], inbox: int) -> None:
        script = json.loads((Path(fields["data_dir"]) / "script.json").read_text())
        if "refuse" in script:
            raise DataError(script["refuse"])
        self._name: str = script["name"]
        self._seed: int = script["seed"]
        self._weight: int = script["weight"]
        self._manifest = Manifest.from_json(Path(fields["manifest_path"]).read_text())
        self._inbox = inbox
        self._director = socket.create_connection(("127.0.0.1", script["port"]))
        self._lines = self._director.makefile("rb")
        self._say("loaded")

    def loaded(self) -> dict[str, Any]:
        """Return the fields of the ``loaded`` frame."""
        examples = {"train_examples": self._weight, "holdout_examples": self._weight}
        return {"examples": 2 * self._weight, **examples, "details": "scripted"}

    def aside(self) -> dict[str, Any]:
        """Return nothing: no noise is added."""
        return {}

    def run(self, task: Task, records: Records, progress: Progress) -> Records:
        """Ask, then answer the task."""
        self._obey(self._order(task, progress))
        arrays = {name: npy_view(array) for name, array in records.arrays["arrays"].items()}
        if task.message_type == "train":
            arrays = honest_update(arrays, self._seed, task.server_round)
            return Records(
                arrays={"arrays": {n: ArrayBytes.from_numpy(arrays[n]) for n in arrays}},
                metrics={"metrics": self._metrics(arrays)},
                order=["arrays", "metrics"],
            )
        return Records(metrics={"metrics": self._metrics(arrays)}, order=["metrics"])

    def _metrics(self, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        loss = float(np.mean([np.abs(array).mean() for array in arrays.values()]))
        values = {name: loss if name == "loss" else 0.5 for name in self._manifest.metrics}
        return {"num-examples": self._weight, **values}

    def _say(self, at: str, **fields: Any) -> None:
        line = json.dumps({"client": self._name, "at": at, **fields}) + "\n"
        self._director.sendall(line.encode())

    def _order(self, task: Task, progress: Progress) -> str:
        self._say(
            "task",
            message_type=task.message_type,
            server_round=task.server_round,
            task_id=task.task_id,
        )
        while True:
            director = self._director.fileno()
            readable, _, _ = select.select([director, self._inbox], [], [])
            if self._inbox in readable:
                try:
                    progress(1, 1, 1, 0.5)  # raises if the task is cancelled
                except TaskFailedError:
                    self._say("dropped")
                    raise
            if director in readable:
                line = self._lines.readline()
                if not line:
                    raise TaskFailedError("director", "The test is over.")
                return str(json.loads(line)["do"])

    def _obey(self, order: str) -> None:
        if order == "crash":
            os._exit(3)
        if order == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if order == "fail":
            raise TaskFailedError("diverged", "The loss is not finite any more.")


def main() -> int:
    """Run the real worker's loop around a scripted runner."""
    inbox = os.dup(0)

    def load(frame: Frame) -> TaskRunner:
        return ScriptedRunner(frame.fields, inbox)

    vars(worker)["load"] = load
    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
