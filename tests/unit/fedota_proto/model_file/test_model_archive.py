"""Zips that are no model's, or worse."""

from __future__ import annotations

import io
import os
import stat
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import h5py
import pytest
from support.keras_file import KerasFile, Member

from fedota_proto.errors import ModelFileError
from fedota_proto.model_file import ModelLimits, check_model_file, read_weights

TEN_GIB = 10 << 30


def refusal(path: Path, limits: ModelLimits | None = None) -> str:
    with pytest.raises(ModelFileError) as caught:
        check_model_file(path, limits=limits)
    message = caught.value.public_message
    assert message.startswith(f"{path.name}: ")
    assert "\n" not in message
    return message


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def a_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("more.txt", "more")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (("../outside.txt", b""), "would lie outside"),
        (("assets/../../outside.txt", b""), "would lie outside"),
        (("/etc/cron.d/x", b""), "would lie outside"),
        (("assets//vocabulary.txt", b""), "would lie outside"),
        (("assets\\..\\..\\vocabulary.txt", b""), "would lie outside"),
        (("C:/vocabulary.txt", b""), "would lie outside"),
        (("assets/./vocabulary.txt", b""), "would lie outside"),
        (("setup.py", b""), "Keras does not write"),
        (("model.weights.npz", b""), "Keras does not write"),
        (("assets", b""), "Keras does not write"),
        (("assets/" + "x" * 500, b""), "Keras does not write"),
        (("assets/layers/code.py", b"print()"), "Keras's layers do not write"),
        (("assets/a/vocabulary.txt", a_zip()), "is no text"),
        (("assets/a/vocabulary.txt", b"\xff\xfe"), "is no text"),
        ((link("assets/a/vocabulary.txt"), b"/etc/passwd"), "is a link"),
        (("CONFIG.json", b"{}"), "twice"),
    ],
)
def test_refuses_members_that_keras_does_not_write(
    keras_file: KerasFile, member: Member, said: str
) -> None:
    keras_file.members = [member]
    assert said in refusal(keras_file.write())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refuses_a_member_that_is_there_twice(keras_file: KerasFile) -> None:
    keras_file.members = [("config.json", b"{}")]
    assert '"config.json" twice' in refusal(keras_file.write())


def test_lets_vocabularies_pass(keras_file: KerasFile) -> None:
    keras_file.members = [
        ("assets/", b""),
        ("assets/layers/string_lookup/vocabulary.txt", "[UNK]\nä\n".encode()),
    ]
    check_model_file(keras_file.write())


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.h5"])
def test_asks_for_the_member_that_is_missing(keras_file: KerasFile, name: str) -> None:
    keras_file.replaced[name] = None
    assert f"holds no {name}; save the model with model.save" in refusal(keras_file.write())


def test_refuses_another_packing(keras_file: KerasFile) -> None:
    keras_file.compression = zipfile.ZIP_BZIP2
    assert "packed in a way that Keras does not use" in refusal(keras_file.write())


def test_refuses_an_encrypted_member(keras_file: KerasFile) -> None:
    path = keras_file.write()
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 8] |= 0x1
    path.write_bytes(data)
    assert "is encrypted" in refusal(path)


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5", "model.keras"])
def test_refuses_the_old_format_with_its_remedy(tmp_path: Path, name: str) -> None:
    # CVE-2025-9905: from .h5 files Keras ran Lambda layers whatever safe_mode said.
    path = tmp_path / name
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = '{"class_name": "Lambda"}'
    assert refusal(path) == (
        f"{name}: the file is in Keras's old .h5 format, which can carry code; load it where you "
        'made it and save it with model.save("model.keras")'
    )


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read (is not there)" in refusal(tmp_path / "absent.keras")
    folder = tmp_path / "folder.keras"
    folder.mkdir()
    assert "cannot be read" in refusal(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a .keras file (a zip)"),
        (b"hello", "not a .keras file (a zip)"),
        (b"PK\x05\x06" + bytes(18), "not a .keras file (a zip)"),
        (b"#!/bin/sh\n" + a_zip(), "not a .keras file (a zip)"),
        (b"PK\x03\x04" + bytes(100), "is cut off"),
        (a_zip()[:-1], "is cut off"),
        (a_zip()[:4] + a_zip()[-22:], "is damaged"),
        (a_zip(), 'holds "more.txt"'),
    ],
)
def test_refuses_what_is_no_model(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    assert said in refusal(path)


def test_refuses_a_cut_off_file(keras_file: KerasFile) -> None:
    path = keras_file.write()
    os.truncate(path, path.stat().st_size - 30)
    assert "is cut off" in refusal(path)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_notices_a_changed_byte(keras_file: KerasFile, name: str, compression: int) -> None:
    keras_file.compression = compression
    path = keras_file.write()
    with zipfile.ZipFile(path) as packed:
        at = packed.getinfo(name).header_offset + 30 + len(name) + 20
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    assert f'"{name}" in the file is damaged' in refusal(path)


def test_bounds_the_file(keras_file: KerasFile) -> None:
    path = keras_file.write()
    assert "at most 1,000 are allowed" in refusal(path, ModelLimits(file_max_bytes=1000))


def test_bounds_what_the_file_unpacks_to(keras_file: KerasFile) -> None:
    keras_file.compression = zipfile.ZIP_DEFLATED
    keras_file.members = [("assets/a/vocabulary.txt", b"a" * 5_000_000)]
    path = keras_file.write()
    assert path.stat().st_size < 100_000
    limits = ModelLimits(file_max_bytes=5_000_000)
    assert "unpacks to 5," in refusal(path, limits)
    with pytest.raises(ModelFileError, match="unpacks to"):
        read_weights(path, limits=limits)
    assert "assets are larger" in refusal(path, ModelLimits(assets_max_bytes=4_999_999))


def test_believes_no_declared_size(keras_file: KerasFile) -> None:
    keras_file.compression = zipfile.ZIP_DEFLATED
    keras_file.members = [("assets/a/vocabulary.txt", b"a" * 5_000_000)]
    path = keras_file.write()
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.rfind(signature)
        struct.pack_into("<I", data, at + offset, 10)
    path.write_bytes(data)
    assert "is damaged" in refusal(path, ModelLimits(file_max_bytes=5_000_000))


def ten_gibibytes_of_zeros() -> bytes:
    """Deflate them as what they are: one block of them, over and over."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(64 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (TEN_GIB // (64 << 20)) + packer.flush()


def with_member(path: Path, name: bytes, content: bytes, declared_bytes: int) -> None:
    """Add a member to a zip, declared to be of a size that need not be its own."""
    data = path.read_bytes()
    end = data.rfind(b"PK\x05\x06")
    count, size, start = struct.unpack_from("<HII", data, end + 10)
    extra = struct.pack("<HHQQ", 1, 16, declared_bytes, len(content))
    common = struct.pack(
        "<HHHHHIIIHH", 45, 0, 8, 0, 33, 0, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra)
    )
    local = b"PK\x03\x04" + common + name + extra + content
    entry = b"PK\x01\x02\x2d\x00" + common + struct.pack("<HHHII", 0, 0, 0, 0, start) + name + extra
    listed = data[start:end] + entry
    size, start = size + len(entry), start + len(local)
    tail = struct.pack("<HHHHIIH", 0, 0, count + 1, count + 1, size, start, 0)
    path.write_bytes(data[: start - len(local)] + local + listed + b"PK\x05\x06" + tail)


@pytest.mark.parametrize("name", ["assets/a/vocabulary.txt", "model.weights.h5", "config.json"])
@pytest.mark.parametrize(
    ("declared_bytes", "said"),
    [(TEN_GIB, "unpacks to 10,737,"), (1000, "is damaged")],
    ids=["honest", "lying"],
)
def test_a_bomb_of_ten_gibibytes_is_refused_in_little_memory(
    keras_file: KerasFile, name: str, declared_bytes: int, said: str
) -> None:
    keras_file.replaced[name] = None
    path = keras_file.write()
    with_member(path, name.encode(), ten_gibibytes_of_zeros(), declared_bytes)
    assert path.stat().st_size < 12_000_000
    tracemalloc.start()
    try:
        assert said in refusal(path)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 16_000_000


def test_bounds_the_configuration(keras_file: KerasFile) -> None:
    limits = ModelLimits(config_max_bytes=500)
    assert "config.json is larger than 500 bytes" in refusal(keras_file.write(), limits)
    keras_file.replaced["metadata.json"] = b" " * 70_000
    assert "metadata.json is larger" in refusal(keras_file.write())


def test_bounds_the_number_of_members_before_reading_their_list(keras_file: KerasFile) -> None:
    keras_file.members = [(f"assets/{n}/vocabulary.txt", b"") for n in range(20)]
    path = keras_file.write()
    check_model_file(path)
    assert "more than 10 members" in refusal(path, ModelLimits(members_max=10))
