"""The whole check, and weights in and out; names of files stand in front of every sentence."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.keras_file import ARRAYS, KerasFile

from fedota_proto.errors import ModelFileError
from fedota_proto.model_file import (
    LayerSummary,
    ModelLimits,
    StoredArray,
    check_model_file,
    read_weights,
    write_weights,
)


def refusal(keras_file: KerasFile, limits: ModelLimits | None = None) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        check_model_file(keras_file.write(), limits=limits)
    return caught.value


def test_says_what_a_benign_file_contains(keras_file: KerasFile) -> None:
    summary = check_model_file(keras_file.write())
    assert summary.layers == (
        LayerSummary("input_layer", "InputLayer"),
        LayerSummary("dense", "Dense"),
        LayerSummary("out", "Dense"),
    )
    assert summary.arrays == (
        StoredArray("layers/dense/vars/0", "float32", (4, 3)),
        StoredArray("layers/dense/vars/1", "float32", (3,)),
        StoredArray("layers/dense_1/vars/0", "float32", (3, 1)),
        StoredArray("layers/dense_1/vars/1", "float32", (1,)),
    )
    assert (summary.optimizer, summary.loss, summary.metrics) == (
        "Adam",
        ("binary_crossentropy",),
        ("accuracy",),
    )
    assert summary.inputs == ("input_layer",)
    assert summary.keras_version == "3.15.1"
    assert summary.parameters == 19
    assert summary.size_bytes == 76


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_reads_the_floats_under_layers_alone(keras_file: KerasFile, compression: int) -> None:
    keras_file.compression = compression
    keras_file.weights["layers/dense/seed_generator/vars/0"] = np.array([1, 2], dtype="<u4")
    keras_file.weights["layers/dense/optimizer/vars/1"] = np.array(0.5, dtype="<f4")
    weights = read_weights(keras_file.write())
    assert list(weights) == list(ARRAYS)
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(weights[name], values)
        assert weights[name].dtype == values.dtype
        assert weights[name].flags.c_contiguous


def test_orders_the_tenth_array_after_the_ninth(keras_file: KerasFile) -> None:
    for number in range(12):
        keras_file.weights[f"layers/dense/vars/{number}"] = np.ones(1, dtype="<f4")
    names = [array.name for array in check_model_file(keras_file.write()).arrays]
    assert names[:12] == [f"layers/dense/vars/{number}" for number in range(12)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_reads_every_floating_point_dtype(keras_file: KerasFile, dtype: str) -> None:
    values = np.array([1.5, -2.25], dtype=dtype)
    keras_file.weights["layers/dense/vars/1"] = values
    weights = read_weights(keras_file.write())
    assert weights["layers/dense/vars/1"].dtype == dtype
    np.testing.assert_array_equal(weights["layers/dense/vars/1"], values)


def test_reads_arrays_packed_with_shuffle_and_gzip(keras_file: KerasFile) -> None:
    values = np.arange(2000, dtype="<f4").reshape(40, 50)

    def pack(file: h5py.File) -> None:
        file.create_dataset("layers/dense/vars/2", data=values, shuffle=True, compression="gzip")

    keras_file.spoil = pack
    np.testing.assert_array_equal(read_weights(keras_file.write())["layers/dense/vars/2"], values)


def changed() -> dict[str, np.ndarray]:
    return {name: values + np.float32(0.5) for name, values in ARRAYS.items()}


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def test_writes_a_copy_that_differs_in_the_weights_alone(
    keras_file: KerasFile, tmp_path: Path
) -> None:
    keras_file.members = [("assets/layers/string_lookup/vocabulary.txt", b"a\nb")]
    source = keras_file.write()
    before = members(source)
    target = tmp_path / "out.keras"
    write_weights(source, changed(), target)
    check_model_file(target)
    for name, values in changed().items():
        np.testing.assert_array_equal(read_weights(target)[name], values)
    after = members(target)
    assert list(after) == list(before)
    assert {k: v for k, v in after.items() if k != "model.weights.h5"} == {
        k: v for k, v in before.items() if k != "model.weights.h5"
    }
    with h5py.File(zipfile.ZipFile(target).open("model.weights.h5")) as file:
        assert file["optimizer/vars/1"][()] == np.float32(0.001)
    assert members(source) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.keras", "out.keras"]


def test_writes_over_its_own_source(keras_file: KerasFile) -> None:
    path = keras_file.write()
    write_weights(path, changed(), path)
    np.testing.assert_array_equal(
        read_weights(path)["layers/dense/vars/0"], changed()["layers/dense/vars/0"]
    )


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ({"layers/dense/vars/1": None}, "the given weights lack"),
        ({"layers/dense/vars/9": np.ones(1, "<f4")}, "the model file lacks"),
        ({"optimizer/vars/1": np.array(1, "<f4")}, "the model file lacks"),
        ({"layers/dense/vars/1": np.ones(3, "<f8")}, "as float64[3]"),
        ({"layers/dense/vars/1": np.ones((3, 1), "<f4")}, "as float32[3, 1]"),
        ({"layers/dense/vars/1": np.ones(3, ">f4")}, "as >f4[3]"),
    ],
)
def test_writes_nothing_unless_names_dtypes_and_shapes_are_right(
    keras_file: KerasFile, tmp_path: Path, spoilt: dict[str, np.ndarray | None], said: str
) -> None:
    arrays = {k: v for k, v in {**changed(), **spoilt}.items() if v is not None}
    target = tmp_path / "out.keras"
    target.write_bytes(b"as it was")
    with pytest.raises(ModelFileError, match=r"^model\.keras: ") as caught:
        write_weights(keras_file.write(), arrays, target)
    assert said in str(caught.value)
    assert target.read_bytes() == b"as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.keras", "out.keras"]


def test_asks_for_weights_to_train(keras_file: KerasFile) -> None:
    keras_file.weights = {"optimizer/vars/0": np.array(0, dtype="<i8")}
    assert "has no weights to train" in refusal(keras_file).public_message


@pytest.mark.parametrize(
    "metadata",
    [b"{}", b"[]", b"no", b'{"keras_version": "2.15.0"}', b'{"keras_version": 3}', b"[" * 60_000],
)
def test_refuses_what_keras_3_did_not_save(keras_file: KerasFile, metadata: bytes) -> None:
    keras_file.replaced["metadata.json"] = metadata
    error = refusal(keras_file)
    assert error.place == "metadata.json"
    assert error.public_message == (
        "model.keras: the file was not saved by Keras 3; load the model with Keras 3 and save it "
        'with model.save("model.keras")'
    )


def test_bounds_the_parameters(keras_file: KerasFile) -> None:
    assert check_model_file(keras_file.write(), limits=ModelLimits(parameters_max=19))
    assert (
        "19 parameters; at most 18" in refusal(keras_file, ModelLimits(parameters_max=18)).args[0]
    )
