"""Each check refuses what it is for, says so in words, and lets honest updates through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_proto.errors import UpdateRejectedError
from fedota_proto.records import ArrayBytes, Records
from fedota_proto.running_mean import RunningMean
from fedota_proto.update_checks import CheckedUpdate, check_evaluate_update, check_train_update
from fedota_proto.v1 import fl_intra_pb2 as intra_pb
from fedota_proto.v1 import fl_records_pb2 as pb

SPECS = [
    pb.ArraySpec(name="kernel", dtype="float32", shape=(2, 3)),
    pb.ArraySpec(name="bias", dtype="float32", shape=(3,)),
]


def checks(**more: object) -> intra_pb.Checks:
    settings: dict[str, object] = {
        "declared": True,
        "train_metrics": ["loss", "accuracy"],
        "evaluate_metrics": ["loss"],
        "weight_key": "num-examples",
        "weight_max": 1e6,
    }
    return intra_pb.Checks(**(settings | more))  # type: ignore[arg-type]


def honest() -> Records:
    return Records(
        arrays={
            "arrays": {
                "bias": ArrayBytes.from_numpy(np.arange(3, dtype=np.float32)),
                "kernel": ArrayBytes.from_numpy(np.ones((2, 3), np.float32)),
            }
        },
        metrics={"metrics": {"num-examples": 40, "loss": 0.25}},
    )


def check(records: Records, **more: object) -> CheckedUpdate:
    return check_train_update(records, specs=SPECS, checks=checks(**more))


def test_an_honest_update_passes_in_the_manifests_order() -> None:
    update = check(honest(), loss_metric="loss")
    assert list(update.arrays) == ["kernel", "bias"]
    assert [view.shape for view in update.views] == [(2, 3), (3,)]
    assert (update.weight, update.metrics) == (40.0, {"loss": 0.25})
    mean = RunningMean(SPECS)
    mean.add_views(update.views, update.weight)
    assert {n: a.data for n, a in mean.mean().items()} == {
        n: a.data for n, a in update.arrays.items()
    }


def _set(name: str, array: np.ndarray) -> Callable[[Records], None]:
    def change(records: Records) -> None:
        records.arrays["arrays"][name] = ArrayBytes.from_numpy(array)

    return change


def _rewrite(old: bytes, new: bytes) -> Callable[[Records], None]:
    def change(records: Records) -> None:
        kernel = records.arrays["arrays"]["kernel"]
        assert old in bytes(kernel.data)
        kernel.data = bytes(kernel.data).replace(old, new)

    return change


def _metric(name: str, value: object) -> Callable[[Records], None]:
    def change(records: Records) -> None:
        records.metrics["metrics"][name] = value  # type: ignore[assignment]

    return change


def _describe(**fields: object) -> Callable[[Records], None]:
    def change(records: Records) -> None:
        for name, value in fields.items():
            setattr(records.arrays["arrays"]["kernel"], name, value)

    return change


KERNEL = np.ones((2, 3), np.float32)
NAN_KERNEL = np.array([[1, 1, 1], [1, np.nan, np.inf]], np.float32)

LIES: dict[str, tuple[Callable[[Records], object], str, str]] = {
    "no arrays": (lambda r: r.arrays.clear(), "record-kinds", "brings 0"),
    "two array records": (
        lambda r: r.arrays.update(more=r.arrays["arrays"]),
        "record-kinds",
        "brings 2",
    ),
    "no metrics": (lambda r: r.metrics.clear(), "record-kinds", "one record of metrics"),
    "configuration": (lambda r: r.config.update(c={}), "record-kinds", "none of configuration"),
    "an array short": (
        lambda r: r.arrays["arrays"].pop("bias"),
        "array-names",
        "the update lacks 'bias'",
    ),
    "another array": (_set("extra", KERNEL), "array-names", "brings 'extra', not in the model"),
    "dtype": (
        _set("kernel", np.ones((2, 3))),
        "array-dtype",
        "'kernel' must be float32; it is 'float64'",
    ),
    "shape": (
        _set("kernel", KERNEL.T),
        "array-shape",
        r"'kernel' must have the shape \(2, 3\); it has \(3, 2\)",
    ),
    "broadcast": (_set("kernel", KERNEL[:1]), "array-shape", r"it has \(1, 3\)"),
    "stype": (_describe(stype="pickle"), "array-header", "not 'pickle'"),
    "no npy": (_describe(data=b"what is this"), "array-header", "does not begin as an .npy"),
    "truncated": (
        _describe(data=honest().arrays["arrays"]["kernel"].data[:-1]),
        "array-header",
        "bytes",
    ),
    "Fortran order": (
        _rewrite(b"'fortran_order': False", b"'fortran_order':  True"),
        "array-header",
        "must be in C order; its .npy header says Fortran order",
    ),
    "big-endian": (_rewrite(b"<f4", b">f4"), "array-header", "must be in little-endian float32"),
    "dtype in the header": (_rewrite(b"<f4", b"<i4"), "array-header", "says dtype <i4"),
    "shape in the header": (_rewrite(b"(2, 3)", b"(3, 2)"), "array-header", r"says shape \(3, 2\)"),
    "nan": (_set("kernel", NAN_KERNEL), "not-finite", r"'kernel' .* at \(1, 1\) it holds nan"),
    "inf": (
        _set("bias", np.array([0, 1, -np.inf], np.float32)),
        "not-finite",
        r"'bias' .* at \(2,\) it holds -inf",
    ),
    "no weight": (lambda r: r.metrics["metrics"].pop("num-examples"), "weight", "lacks its weight"),
    "weight 0": (_metric("num-examples", 0), "weight", "it is 0"),
    "weight -1": (_metric("num-examples", -1.0), "weight", "above 0 and at most 1e"),
    "weight nan": (_metric("num-examples", float("nan")), "weight", "it is nan"),
    "weight inf": (_metric("num-examples", float("inf")), "weight", "it is inf"),
    "weight too big": (_metric("num-examples", 1_000_001), "weight", "at most 1e"),
    "weight list": (_metric("num-examples", [1]), "weight", "it is a list"),
    "weight true": (_metric("num-examples", True), "weight", "it is a bool"),
    "metric": (_metric("auc", 1.0), "metric-unknown", r"'auc' .* \('loss', 'accuracy'\)"),
    "metric nan": (_metric("accuracy", float("nan")), "metric-not-finite", "it is nan"),
    "metric list": (_metric("accuracy", [0.5]), "metric-not-finite", "it is a list"),
    "loss": (_metric("loss", -0.5), "loss-negative", "it is -0.5"),
    "no loss": (lambda r: r.metrics["metrics"].pop("loss"), "loss-missing", "lacks .* 'loss'"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused_by_its_code_and_in_words(lie: str) -> None:
    change, code, words = LIES[lie]
    records = honest()
    change(records)
    with pytest.raises(UpdateRejectedError, match=words) as caught:
        check(records, loss_metric="loss")
    assert caught.value.reason_code == code


def test_loss_is_asked_for_only_where_the_strategy_uses_it() -> None:
    records = honest()
    records.metrics["metrics"] = {"num-examples": 1.5}
    assert check(records).metrics == {}
    records.metrics["metrics"]["loss"] = -3.0
    assert check(records).metrics == {"loss": -3.0}


def test_an_app_without_a_manifest_names_its_own_metrics_and_bounds_no_weight() -> None:
    records = honest()
    records.metrics["metrics"] |= {"auc": 0.5, "num-examples": 10**12}
    update = check(records, declared=False, weight_max=0)
    assert (update.weight, update.metrics) == (1e12, {"loss": 0.25, "auc": 0.5})


def test_names_from_a_peer_are_cut_in_messages() -> None:
    records = honest()
    records.metrics["metrics"]["m" * 5000] = 1.0
    with pytest.raises(UpdateRejectedError) as caught:
        check(records)
    assert len(caught.value.public_message) < 250
    records = honest()
    records.arrays["arrays"] = {f"{i}" * 900: a for i, a in enumerate(["x"] * 50)}  # type: ignore[misc]
    with pytest.raises(UpdateRejectedError, match="and 47 more") as caught:
        check(records)
    assert len(caught.value.public_message) < 500


def test_evaluation_brings_metrics_alone() -> None:
    records = Records(metrics={"metrics": {"num-examples": 8, "loss": 0.5}})
    update = check_evaluate_update(records, checks=checks(loss_metric="loss"))
    assert (update.weight, update.metrics, update.arrays) == (8.0, {"loss": 0.5}, {})
    records.metrics["metrics"]["accuracy"] = 0.5
    with pytest.raises(UpdateRejectedError) as caught:
        check_evaluate_update(records, checks=checks())
    assert caught.value.reason_code == "metric-unknown"
    with pytest.raises(UpdateRejectedError, match="metrics alone") as caught:
        check_evaluate_update(honest(), checks=checks())
    assert caught.value.reason_code == "record-kinds"


def test_a_task_without_arrays_takes_none() -> None:
    records = honest()
    with pytest.raises(UpdateRejectedError, match="metrics alone"):
        check_train_update(records, specs=[], checks=checks())
    records.arrays.clear()
    assert check_train_update(records, specs=[], checks=checks()).arrays == {}


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 151), st.integers(0, 255))
def test_whatever_byte_is_changed_the_update_is_refused_or_harmless(place: int, byte: int) -> None:
    records = honest()
    kernel = records.arrays["arrays"]["kernel"]
    data = bytearray(kernel.data)
    data[place] = byte
    kernel.data = bytes(data)
    try:
        view = check(records).views[0]
    except UpdateRejectedError as error:
        refused = error.reason_code
    else:
        refused = ""
        assert (view.shape, view.dtype) == ((2, 3), np.dtype("<f4"))
        assert np.isfinite(view).all()
    assert refused in ("", "array-header", "not-finite")
