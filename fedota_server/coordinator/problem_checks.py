"""What every update of a problem must keep, as the coordinator tells its selectors."""

from __future__ import annotations

from fedota_proto.manifest import Manifest
from fedota_proto.problem import Problem
from fedota_proto.v1 import fl_intra_pb2
from fedota_server.strategies.build import LOSS_METRIC
from fedota_server.strategies.declared_arrays import WEIGHT_KEY

# More examples than any holder has: a larger weight is a mistake, or a try to drown the others.
WEIGHT_MAX = 1e9
# An .npy header is 128 bytes long, longer for many dimensions.
_HEADER_BYTES = 1024
_METRICS_BYTES = 64 << 10


def problem_checks(problem: Problem, manifest: Manifest) -> fl_intra_pb2.Checks:
    """Say what an update of a problem must keep.

    Parameters
    ----------
    problem
        Whose strategy may need the training loss.
    manifest
        Its arrays, and the metrics that its model reports.

    Returns
    -------
    Checks
        Only the metrics that the model was compiled with, and weights and sizes with a bound.
    """
    return fl_intra_pb2.Checks(
        declared=True,
        train_metrics=manifest.metrics,
        evaluate_metrics=manifest.metrics,
        loss_metric=LOSS_METRIC if problem.strategy.spec.needs_loss else "",
        weight_max=WEIGHT_MAX,
        weight_key=WEIGHT_KEY,
        update_max_bytes=sum(array.size_bytes + _HEADER_BYTES for array in manifest.arrays)
        + _METRICS_BYTES,
    )
