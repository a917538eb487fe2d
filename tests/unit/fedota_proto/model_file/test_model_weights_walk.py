"""HDF5 files that would make a reader open other files, or fill its memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.keras_file import ARRAYS, KerasFile

from fedota_proto.errors import ModelFileError
from fedota_proto.model_file import ModelLimits, check_model_file, read_weights, write_weights

HERE = "layers/dense/vars/2"


def refusal(path: Path, limits: ModelLimits | None = None) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        check_model_file(path, limits=limits)
    with pytest.raises(ModelFileError) as when_read:
        read_weights(path, limits=limits)
    assert str(when_read.value) == str(caught.value)
    assert caught.value.public_message.startswith("model.keras: ")
    assert caught.value.place.startswith("model.weights.h5: ")
    return caught.value


def external_link(file: Any) -> None:
    file[HERE] = h5py.ExternalLink("/etc/passwd", "/x")


def external_group(file: Any) -> None:
    file["layers/dense_2"] = h5py.ExternalLink("other.h5", "/layers/dense")


def soft_link(file: Any) -> None:
    file[HERE] = h5py.SoftLink("/optimizer/vars/1")


def hard_link(file: Any) -> None:
    file[HERE] = file["layers/dense/vars/0"]


def cycle(file: Any) -> None:
    file["layers/dense/again"] = file["layers"]


def external_storage(file: Any) -> None:
    file.create_dataset(HERE, (4,), "<f4", external=[("/etc/passwd", 0, 16)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4,), "<f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset(HERE, layout)


def virtual_without_end(file: Any) -> None:
    layout = h5py.VirtualLayout((1,), "<f4", maxshape=(None,))
    source = h5py.VirtualSource("other.h5", "x", (1,), maxshape=(None,))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    file.create_virtual_dataset(HERE, layout)


def array(dtype: Any, values: Any = 0, name: str = HERE, **how: Any) -> Callable[[Any], None]:
    def spoil(file: Any) -> None:
        file.create_dataset(name, data=np.array(values), dtype=dtype, **how)

    return spoil


def zeros(dtype: Any) -> Callable[[Any], None]:
    def spoil(file: Any) -> None:
        file.create_dataset(HERE, data=np.zeros(2, dtype))

    return spoil


def text_of_any_length(file: Any) -> None:
    file.create_dataset(HERE, data=["text"], dtype=h5py.string_dtype())


def reference(file: Any) -> None:
    file.create_dataset(HERE, data=file["layers"].ref, dtype=h5py.ref_dtype)


def named_type(file: Any) -> None:
    file["layers/dense/type"] = np.dtype("<f4")


def committed(file: Any) -> None:
    file["vars/type"] = np.dtype("<f4")
    file.create_dataset(HERE, (1,), dtype=file["vars/type"])


def attribute(value: Any, where: str = "layers/dense/vars", name: str = "name2") -> Any:
    def spoil(file: Any) -> None:
        file[where].attrs[name] = value

    return spoil


def attribute_reference(file: Any) -> None:
    file["layers/dense/vars"].attrs["name"] = file["layers"].ref


def bfloat16(file: Any) -> None:
    file.create_dataset(HERE, data=np.zeros(2, "V2")).attrs["dtype"] = "bfloat16"


def nothing_stored(file: Any) -> None:
    file.create_dataset(HERE, (100_000, 1000), "<f4")


def nothing_stored_in_chunks(file: Any) -> None:
    file.create_dataset(HERE, (50_000, 50_000), "<f4", chunks=(500, 500), compression="gzip")


def deep(file: Any) -> None:
    file.create_group("layers/dense/" + "/".join("a" * 100))


def no_shape(file: Any) -> None:
    file[HERE] = h5py.Empty("<f4")


def odd_float(file: Any) -> None:
    odd = h5py.h5t.IEEE_F32LE.copy()
    odd.set_ebias(100)
    space = h5py.h5s.create(h5py.h5s.SCALAR)
    h5py.h5d.create(file["layers/dense/vars"].id, b"2", odd, space)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (external_link, "is a link to another file"),
        (external_group, "is a link to another file"),
        (soft_link, "is a link to elsewhere"),
        (hard_link, "is linked twice"),
        (cycle, "is linked twice"),
        (external_storage, "has its values in another file"),
        (virtual, "is a virtual array, which reads other files"),
        (virtual_without_end, "is a virtual array"),
        (array(">f4"), "is no array of little-endian numbers"),
        (array(">i8"), "is no array of little-endian numbers"),
        (zeros("c8"), "is no array of little-endian numbers"),
        (zeros("S4"), "is no array of little-endian numbers"),
        (zeros("V4"), "is no array of little-endian numbers"),
        (zeros([("a", "<f4")]), "is no array of little-endian numbers"),
        (zeros(h5py.enum_dtype({"a": 1}, "i1")), "is no array of little-endian numbers"),
        (text_of_any_length, "is no array of little-endian numbers"),
        (odd_float, "is no array of little-endian numbers"),
        (reference, "is no array of little-endian numbers"),
        (named_type, "is neither a group nor an array"),
        (committed, "has a type of its own"),
        (bfloat16, 'bfloat16, in which means lose too much; give that layer dtype="mixed_bfloa'),
        (zeros("V2"), "is kept in bfloat16"),
        (array("<f4", [0.0], compression="lzf"), "a filter other than gzip and shuffle"),
        (array("<f4", [0.0], fletcher32=True), "a filter other than gzip and shuffle"),
        (array("<i4", [0], scaleoffset=0), "a filter other than gzip and shuffle"),
        (array("<f4", [0.0], maxshape=(None,)), "a shape that may grow"),
        (array("<f4", np.zeros((1,) * 17)), "too many dimensions"),
        (array("<f4", np.zeros((0, 3))), "is empty"),
        (no_shape, "has no shape"),
        (array("<f4", 0, "layers/dense/kernel"), "is an array where Keras writes none"),
        (array("<f4", 0, "vars/name"), "is an array where Keras writes none"),
        (array("<f4", 0, "metrics/vars/0"), "is not a part that Keras writes"),
        (array("<f4", 0, "layers/dense.1/vars/0"), 'holds the name "dense.1"'),
        (array("<f4", 0, "layers/dense/\x1b[2J/0"), "holds the name"),
        (attribute(1), "has attributes that Keras does not write"),
        (attribute("x", HERE.replace("2", "0"), "name"), "has attributes that Keras does not"),
        (attribute("bfloat16", HERE.replace("2", "0"), "dtype"), "is kept in bfloat16"),
        (attribute_reference, "has attributes that Keras does not write"),
        (nothing_stored, "declares 400,000,000 bytes of values but holds 0"),
        (nothing_stored_in_chunks, "declares 10,000,000,000 bytes of values but holds 0"),
        (deep, "is nested too deeply"),
    ],
)
def test_refuses(keras_file: KerasFile, spoil: Callable[[Any], None], said: str) -> None:
    keras_file.spoil = spoil
    assert said in refusal(keras_file.write()).public_message


def test_external_storage_leaks_nothing(keras_file: KerasFile, tmp_path: Path) -> None:
    # h5py would read any local file through it, even where the HDF5 file lies in memory.
    secret = tmp_path / "secret"
    secret.write_bytes(b"0123456789abcdef")

    def spoil(file: Any) -> None:
        del file["layers/dense/vars/0"]
        file.create_dataset("layers/dense/vars/0", (4,), "<f4", external=[(str(secret), 0, 16)])

    keras_file.spoil = spoil
    path = keras_file.write()
    assert "in another file" in refusal(path).public_message
    with pytest.raises(ModelFileError, match="in another file"):
        write_weights(path, ARRAYS, tmp_path / "out.keras")
    assert secret.read_bytes() == b"0123456789abcdef"


def test_ten_gigabytes_in_a_few_megabytes(keras_file: KerasFile) -> None:
    chunk = zlib.compress(bytes(100_000_000), 9)

    def bomb(file: Any) -> None:
        dataset = file.create_dataset(
            HERE, (100, 25_000_000), "<f4", chunks=(1, 25_000_000), compression="gzip"
        )
        for number in range(100):
            dataset.id.write_direct_chunk((number, 0), chunk)

    keras_file.spoil = bomb
    path = keras_file.write()
    assert path.stat().st_size < 20_000_000
    assert "brings the arrays to 10,000,000,0" in refusal(path).public_message
    limits = ModelLimits(file_max_bytes=20_000_000_000)
    assert "brings the model to 2,500,000,0" in refusal(path, limits).public_message


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (zlib.compress(bytes(50_000_000)), "is packed in a way"),
        (zlib.compress(bytes(500_000)), "unpacks to another size than it declares"),
        (zlib.compress(bytes(15)), "unpacks to another size than it declares"),
        (zlib.compress(bytes(16))[:-6], "unpacks to another size than it declares"),
        (bytes(16), "is damaged"),
        (b"", "declares 16 bytes of values but holds 0"),
    ],
)
def test_unpacks_no_chunk_beyond_what_it_declares(
    keras_file: KerasFile, stored: bytes, said: str
) -> None:
    def spoil(file: Any) -> None:
        dataset = file.create_dataset(HERE, (4,), "<f4", chunks=(4,), compression="gzip")
        if stored:
            dataset.id.write_direct_chunk((0,), stored)

    keras_file.spoil = spoil
    assert said in refusal(keras_file.write()).public_message


def test_refuses_gzip_within_gzip(keras_file: KerasFile) -> None:
    def spoil(file: Any) -> None:
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_chunk((4,))
        created.set_deflate(9)
        created.set_deflate(9)
        space = h5py.h5s.create_simple((4,))
        h5py.h5d.create(file["layers/dense/vars"].id, b"2", h5py.h5t.IEEE_F32LE, space, created)

    keras_file.spoil = spoil
    assert "a filter other than" in refusal(keras_file.write()).public_message


def test_a_chunk_larger_than_its_array(keras_file: KerasFile) -> None:
    keras_file.spoil = array("<f4", np.ones(77), chunks=(77,), compression="gzip")
    whole = keras_file.hdf5()
    honest = struct.pack("<II", 77, 4)
    assert whole.count(honest) == 1
    keras_file.replaced["model.weights.h5"] = whole.replace(honest, struct.pack("<II", 1 << 29, 4))
    assert "is damaged" in refusal(keras_file.write()).public_message


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_refuses_what_is_no_hdf5(keras_file: KerasFile, content: bytes) -> None:
    keras_file.replaced["model.weights.h5"] = content
    assert "the file of weights is damaged" in refusal(keras_file.write()).public_message


def test_damage_anywhere_is_refused_or_harmless(keras_file: KerasFile) -> None:
    keras_file.write()
    whole = keras_file.hdf5()
    for at in range(0, len(whole), 97):
        spoilt = bytearray(whole)
        spoilt[at] ^= 0xFF
        keras_file.replaced["model.weights.h5"] = bytes(spoilt)
        try:
            weights = read_weights(keras_file.write())
        except ModelFileError:
            continue
        assert all(values.nbytes < 1000 for values in weights.values())


def test_names_no_layer_that_the_configuration_lacks(keras_file: KerasFile) -> None:
    keras_file.weights["layers/dense_7/vars/0"] = np.ones(3, "<f4")
    with pytest.raises(ModelFileError, match=r"belongs to no layer that config\.json lists"):
        check_model_file(keras_file.write())


def test_bounds_the_number_of_objects(keras_file: KerasFile) -> None:
    limits = ModelLimits(weights_objects_max=10)
    assert "holds too many objects" in refusal(keras_file.write(), limits).public_message


def test_leaves_integers_and_idf_weights_alone(keras_file: KerasFile) -> None:
    keras_file.weights.update(
        {
            "layers/dense/vars/2": np.array(5, "<i8"),
            "layers/dense/vars/3": np.array(True),
            "layers/dense/vars/idf_weights": np.ones(3, "<f4"),
            "layers/dense/seed_generator/vars/0": np.array([0, 1], "<u4"),
        }
    )
    path = keras_file.write()
    assert list(read_weights(path)) == list(ARRAYS)
    assert len(check_model_file(path).arrays) == len(ARRAYS)
