"""The manifest's JSON, there and back, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.errors import ModelFileError
from fedota_proto.manifest import ITEM_BYTES, Manifest, ManifestArray, ManifestInput

MANIFEST = Manifest(
    arrays=(
        ManifestArray("layers/b/vars/0", "float32", (3, 2)),
        ManifestArray("layers/a/vars/1", "float64", (), trainable=False),
        ManifestArray("layers/a/vars/0", "float16", (5,)),
    ),
    loss="mse",
    metrics=("loss", "mae"),
    optimizer={"name": "Adam", "learning_rate": 0.001, "schedule": None},
    inputs=(ManifestInput("age", "float32", (None, 4)),),
)


def test_knows_names_and_sizes() -> None:
    assert MANIFEST.names == ("layers/b/vars/0", "layers/a/vars/1", "layers/a/vars/0")
    assert MANIFEST.trainable_names == ("layers/b/vars/0", "layers/a/vars/0")
    assert [array.size_bytes for array in MANIFEST.arrays] == [24, 8, 10]
    assert MANIFEST.size_bytes == 42


def test_comes_back_from_json() -> None:
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST
    assert Manifest.from_json(MANIFEST.to_json().encode()) == MANIFEST
    assert json.loads(MANIFEST.to_json())["arrays"][1] == {
        "name": "layers/a/vars/1",
        "dtype": "float64",
        "shape": [],
        "trainable": False,
    }


names = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=20)


@given(
    st.lists(
        st.builds(
            ManifestArray,
            name=names,
            dtype=st.sampled_from(sorted(ITEM_BYTES)),
            shape=st.lists(st.integers(0, 1 << 40), max_size=4).map(tuple),
            trainable=st.booleans(),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda array: array.name,
    ),
    st.lists(names, unique=True, max_size=3),
)
def test_any_manifest_comes_back(arrays: list[ManifestArray], metrics: list[str]) -> None:
    manifest = Manifest(arrays=tuple(arrays), metrics=tuple(metrics))
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_only_arrays_must_be_there() -> None:
    text = '{"arrays": [{"name": "a", "dtype": "float32", "shape": [1]}]}'
    assert Manifest.from_json(text) == Manifest(arrays=(ManifestArray("a", "float32", (1,)),))


def an_array(**changes: Any) -> dict[str, Any]:
    return {"arrays": [{"name": "a", "dtype": "float32", "shape": [1], **changes}]}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ([], "the file"),
        ({}, "arrays"),
        ({"arrays": []}, "arrays"),
        ({"arrays": {}}, "arrays"),
        ({"arrays": [1]}, "arrays[0]"),
        ({"arrays": an_array()["arrays"] * 2}, "arrays"),
        ({"arrays": [{"dtype": "float32", "shape": [1]}]}, "arrays[0]"),
        (an_array(name=""), "arrays[0]"),
        (an_array(name="a\x1b"), "arrays[0]"),
        (an_array(name="a" * 1001), "arrays[0]"),
        (an_array(dtype="int32"), "arrays[0]"),
        (an_array(dtype=[]), "arrays[0]"),
        (an_array(shape=3), "arrays[0]"),
        (an_array(shape=[-1]), "arrays[0]"),
        (an_array(shape=[None]), "arrays[0]"),
        (an_array(shape=[True]), "arrays[0]"),
        (an_array(shape=[1.0]), "arrays[0]"),
        (an_array(shape=[1 << 49]), "arrays[0]"),
        (an_array(shape=[1] * 33), "arrays[0]"),
        (an_array(trainable=1), "arrays[0]"),
        ({**an_array(), "loss": None}, "loss"),
        ({**an_array(), "metrics": "loss"}, "metrics"),
        ({**an_array(), "metrics": [""]}, "metrics"),
        ({**an_array(), "metrics": [[]]}, "metrics"),
        ({**an_array(), "metrics": ["a", "a"]}, "metrics"),
        ({**an_array(), "optimizer": []}, "optimizer"),
        ({**an_array(), "inputs": {}}, "inputs"),
        ({**an_array(), "inputs": [{"name": "a", "dtype": 1, "shape": []}]}, "inputs[0]"),
        ({**an_array(), "inputs": [{"name": "a", "dtype": "b", "shape": [-1]}]}, "inputs[0]"),
    ],
)
def test_refuses_what_is_malformed(document: Any, place: str) -> None:
    with pytest.raises(ModelFileError, match="manifest is damaged") as caught:
        Manifest.from_json(json.dumps(document))
    assert caught.value.place == place


@pytest.mark.parametrize(
    "text",
    ["", "{", "nul", '{"loss": NaN}', "[" * 100_000, b"\xff", " " * ((32 << 20) + 1)],
    ids=["empty", "open", "word", "nan", "deep", "binary", "large"],
)
def test_refuses_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(ModelFileError, match="manifest is damaged") as caught:
        Manifest.from_json(text)
    assert caught.value.place == "the file"


def test_writes_no_number_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="JSON"):
        Manifest(arrays=(), optimizer={"learning_rate": float("nan")}).to_json()
