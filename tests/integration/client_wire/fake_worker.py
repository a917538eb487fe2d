"""A worker that computes nothing, and misbehaves as its first argument says.

It answers a task with the arrays that came and the metric ``num-examples``. Modes: ``obedient``;
``refusing`` (its load fails), ``crashing-once`` and ``killed-once`` (it dies on the first task of
its first life), ``dying-idle`` (it dies after its first answer), ``slow`` (works until it is
cancelled), ``stubborn`` (works for ever), ``babbling`` (writes something that is no frame),
``failing`` (every task fails), ``hungry``
(takes 500 MB for its first task). The second argument is a folder in which it leaves a file for
each life and task.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path

from fedota_client.worker_protocol import FrameReader, payload_parts, payload_sha256, write_frame
from fedota_proto.records import Records


def main() -> int:
    mode, folder = sys.argv[1], Path(sys.argv[2])
    life = len(list(folder.glob("life-*"))) + 1
    (folder / f"life-{life}").touch()
    reader = FrameReader(0)
    sys.stderr.write("the worker says hello\n")
    while (frame := reader.read()) is not None and frame.kind != "stop":
        if frame.kind == "load":
            if mode == "refusing":
                write_frame(1, "error", {"code": "data", "public_message": "patients.csv is bad."})
                return 1
            counts = {"examples": 10, "train_examples": 8, "holdout_examples": 2}
            write_frame(1, "loaded", {**counts, "details": "nothing"})
        elif frame.kind == "task":
            task_id = frame.fields["task_id"]
            (folder / f"task-{task_id}-life-{life}").touch()
            if mode == "crashing-once" and life == 1:
                os.abort()
            if mode == "killed-once" and life == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if mode == "babbling" and life == 1:
                os.write(1, b"Epoch 1/5 loss: 0.7 and so on and on")
                time.sleep(60)
            if mode == "stubborn":
                while True:
                    signal.pause()
            if mode == "slow":
                select.select([0], [], [])
                cancel = reader.read()
                assert cancel is not None
                assert cancel.kind == "cancel"
                mode = "obedient"
                failed = {"task_id": task_id, "code": "cancelled", "reason": "It was cancelled."}
                write_frame(1, "failed", failed)
                continue
            if mode == "hungry" and life == 1:
                taken = bytearray(b"\1") * (500 << 20)
                time.sleep(60)
                del taken
            if mode == "failing":
                failed = {"task_id": task_id, "code": "diverged", "reason": "The loss is NaN."}
                write_frame(1, "failed", failed)
                continue
            write_frame(
                1,
                "progress",
                {
                    "task_id": task_id,
                    "epoch": 1,
                    "epochs": 1,
                    "batch": 1,
                    "batches": 1,
                    "loss": 0.5,
                },
            )
            asked = frame.records()
            reply = Records(
                arrays=dict(asked.arrays),
                metrics={"metrics": {"num-examples": 8, "loss": 0.5}},
                order=[*asked.arrays, "metrics"],
            )
            parts = payload_parts(reply)
            sha256 = payload_sha256(parts).hex()
            write_frame(1, "result", {"task_id": task_id, "update_sha256": sha256}, parts)
            if mode == "dying-idle" and life == 1:
                return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
