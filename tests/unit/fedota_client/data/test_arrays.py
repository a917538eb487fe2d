"""``.npz`` files: what is read, and what a person is told."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedota_client.data import arrays
from fedota_client.data.reading import read_examples, read_split
from fedota_proto.data_format import ArraysFormat, DeclaredArray
from fedota_proto.errors import DataError

FORMAT = ArraysFormat(
    1,
    (
        DeclaredArray("x", "float32", (2, 3), minimum=-10, maximum=10_000),
        DeclaredArray("y", "int32", (), classes=3, target=True),
        DeclaredArray("z", "float64", (), target=True),
    ),
)


def good(count: int = 4) -> dict[str, np.ndarray]:
    return {
        "x": np.arange(count * 6, dtype=np.float32).reshape(count, 2, 3),
        "y": (np.arange(count) % 3).astype(np.int32),
        "z": np.linspace(0, 1, count),
        "more": np.zeros(3),
    }


def written(path: Path, values: dict[str, Any]) -> None:
    np.savez(path, **values)


def refusal(place: Path, **changed: Any) -> str:
    written(place / "a.npz", {**good(), **changed})
    with pytest.raises(DataError) as caught:
        read_examples(place, FORMAT)
    return caught.value.public_message


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_reads_named_arrays_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any
) -> None:
    monkeypatch.setattr(arrays, "PIECE_BYTES", 80)
    write(tmp_path / "b.npz", **good())
    write(tmp_path / "a.npz", **good(1))

    x, y, z = read_examples(tmp_path, FORMAT).fields

    assert (x.values[:] == np.concatenate([good(1)["x"], good()["x"]])).all()
    assert x.values.dtype == np.float32
    assert y.values[:].tolist() == [[0], [0], [1], [2], [0]]
    assert z.values[-1:].tolist() == [[1.0]]


def test_both_sides_together_are_all_examples(tmp_path: Path) -> None:
    written(tmp_path / "a.npz", good(200))
    split = read_split(tmp_path, FORMAT, 0.25)
    first = [split.train.inputs[0].values[:][:, 0, 0], split.held_out.inputs[0].values[:][:, 0, 0]]
    assert sorted(np.concatenate(first).tolist()) == good(200)["x"][:, 0, 0].tolist()
    assert 25 < len(split.held_out) < 75


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"x": np.zeros((4, 2, 3))}, "a.npz, array 'x': found float64 of shape (4, 2, 3), expect"),
        ({"x": np.zeros((4, 3, 2), "f4")}, "expected float32 of shape (examples, 2, 3). Write it"),
        ({"x": np.asfortranarray(good()["x"])}, "in Fortran order"),
        ({"x": good()["x"].astype(">f4")}, "found >f4 of shape"),
        ({"x": np.array([{}] * 4, object)}, "found an array of Python objects, or none that numpy"),
        ({"y": np.array([0, 1], np.int32)}, "different numbers of examples: 4 in 'x', 2 in 'y', 4"),
        (
            {"y": np.array([0, 1, 2, 3], np.int32)},
            "a.npz, example 4, array 'y': found 3, expected ",
        ),
        ({"y": np.array([0, 1, 2, 3], np.int32)}, "values from 0 to 2."),
        (
            {"x": np.full((4, 2, 3), np.nan, "f4")},
            "example 1, array 'x': found nan, expected numbe",
        ),
        (
            {"x": good()["x"] - 11},
            "example 1, array 'x': found -11, expected values from -10 to 10",
        ),
    ],
)
def test_a_wrong_array_is_told(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    assert said in refusal(tmp_path, **changed)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    assert "pickled objects are never opened" in refusal(tmp_path, x=np.array([Bomb()] * 4))
    assert not (tmp_path / "exploded").exists()


def test_a_missing_array_and_a_damaged_file_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=good()["x"])
    with pytest.raises(DataError, match=r"a.npz: found no array 'y', 'z' \(only 'x'\)"):
        read_examples(tmp_path, FORMAT)
    (tmp_path / "a.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match=r"a.npz is no whole .npz file. Write it again"):
        read_examples(tmp_path, FORMAT)
    (tmp_path / "a.npz").unlink()
    with pytest.raises(DataError, match=r"Found no .npz file in"):
        read_examples(tmp_path, FORMAT)


def test_a_header_that_claims_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "a.npz", good())
    with zipfile.ZipFile(tmp_path / "a.npz") as source:
        members = {name: source.read(name) for name in source.namelist()}
    members["x.npy"] = members["x.npy"].replace(b"(4, 2, 3)", b"(9, 2, 3)")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as target:
        for name, data in members.items():
            target.writestr(name, data)
    with pytest.raises(DataError, match=r"a.npz is no whole .npz file"):
        read_examples(tmp_path, FORMAT)
