"""Zips of examples: what is in them is named and bounded before anything is unpacked."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from fedota_proto.data_format import Column, ImagesFormat, TextFormat
from fedota_proto.data_zip import check_data_zip, unpack_data_zip
from fedota_proto.errors import DataError

TEXTS = TextFormat(2, ("ham", "spam"), 100)
IMAGES = ImagesFormat(2, ("cat", "dog"), 8, 8, 1)
LABELLED = ImagesFormat(2, (), 8, 8, 1, targets=(Column("size", "number", target=True),))


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def test_files_are_unpacked_into_their_classes_whatever_they_are_called(tmp_path: Path) -> None:
    path = packed(
        tmp_path / "a.zip",
        {
            "mine/": b"",
            "mine/ham/1.txt": b"one",
            "mine/spam/C:\\2.TXT": b"two",
            "mine/spam/3.txt": b"three",
            "__MACOSX/mine/spam/._3.txt": b"",
            "mine/.DS_Store": b"",
        },
    )
    check_data_zip(path, "a.zip", TEXTS)
    out = tmp_path / "out"
    out.mkdir()
    unpack_data_zip(path, out, TEXTS)
    found = sorted((one.parent.name, one.read_bytes()) for one in out.rglob("*.txt"))
    assert found == [("ham", b"one"), ("spam", b"three"), ("spam", b"two")]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.zip", "out"]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "holds no example"),
        ({"cat/1.png": b"", "1.png": b""}, "'1.png' in it lies in no class's folder"),
        ({"cow/1.png": b""}, "the classes are 'cat', 'dog'"),
        ({"../cat/../../1.png": b""}, "lies in no class's folder"),
        ({"a/b/cat/1.png": b""}, "lies in no class's folder"),
        ({"cat/1.gif": b""}, "'cat/1.gif' in it is no *.png or *.jpg or *.jpeg file"),
    ],
)
def test_what_is_no_example_is_told(tmp_path: Path, members: dict[str, bytes], said: str) -> None:
    path = packed(tmp_path / "upload", members)
    with pytest.raises(DataError) as caught:
        check_data_zip(path, "mine.zip", IMAGES)
    assert caught.value.public_message.startswith("mine.zip")
    assert said in caught.value.public_message


@pytest.mark.parametrize("wrapped", ["", "mine/"])
def test_pictures_with_labels_keep_their_paths(tmp_path: Path, wrapped: str) -> None:
    members = {"labels.csv": b"file,size\n", "a.PNG": b"1", "scans/deep/é b.jpg": b"2"}
    path = packed(
        tmp_path / "a.zip",
        {f"{wrapped}{name}": data for name, data in members.items()}
        | {"__MACOSX/._labels.csv": b"", f"{wrapped}.DS_Store": b""},
    )
    check_data_zip(path, "a.zip", LABELLED)
    out = tmp_path / "out"
    out.mkdir()
    unpack_data_zip(path, out, LABELLED)
    found = {one.relative_to(out).as_posix(): one.read_bytes() for one in out.rglob("*.*")}
    assert found == members


LABELS = {"labels.csv": b""}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"a.png": b""}, "holds no file of labels: pack the folder with the pictures and one"),
        ({"x/y/labels.csv": b"", "x/y/a.png": b""}, "holds no file of labels"),
        ({**LABELS, "labels.parquet": b"", "a.png": b""}, "holds several files of labels"),
        (LABELS, "holds no picture: pack the pictures beside the labels."),
        ({**LABELS, "a.txt": b""}, "'a.txt' in it is neither a PNG or JPEG file nor the labels"),
        (
            {**LABELS, "../a.png": b""},
            "'../a.png' in it lies outside of the folder of 'labels.csv'",
        ),
        ({**LABELS, "/a.png": b""}, "'/a.png' in it lies outside of the folder"),
        ({**LABELS, "b/../a.png": b""}, "lies outside of the folder"),
        ({**LABELS, "b\\a.png": b""}, "its name cannot be used"),
        ({**LABELS, "b/\na.png": b""}, "its name cannot be used"),
        ({**LABELS, "b" * 300 + ".png": b""}, "its name cannot be used"),
        (
            {"x/labels.csv": b"", "y/a.png": b""},
            "'y/a.png' in it lies outside of the folder of 'x/",
        ),
    ],
)
def test_what_cannot_be_labelled_pictures_is_told(
    tmp_path: Path, members: dict[str, bytes], said: str
) -> None:
    path = packed(tmp_path / "upload", members)
    with pytest.raises(DataError) as caught:
        check_data_zip(path, "upload", LABELLED)
    assert caught.value.public_message.startswith("upload")
    assert said in caught.value.public_message
    with pytest.raises(DataError):
        unpack_data_zip(path, tmp_path / "out", LABELLED)
    assert not (tmp_path / "out").exists()


def test_a_link_an_encrypted_and_a_huge_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("cat/1.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        check_data_zip(path, path.name, IMAGES)

    packed(path, {"cat/1.png": b"abc"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="is encrypted"):
        check_data_zip(path, path.name, IMAGES)

    packed(path, {"cat/1.png": b"a" * 1000})
    monkeypatch.setattr("fedota_proto.data_zip.UNPACKED_MAX_BYTES", 999)
    with pytest.raises(DataError, match=r"unpacks to 1.0 kB; at most 999 bytes"):
        check_data_zip(path, path.name, IMAGES)
    monkeypatch.setattr("fedota_proto.data_zip.FILES_MAX", 0)
    with pytest.raises(DataError, match="holds 1 files; at most 0"):
        check_data_zip(path, path.name, IMAGES)


def test_what_is_no_zip_and_what_is_damaged_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"not a zip")
    with pytest.raises(DataError, match="is no zip"):
        check_data_zip(path, path.name, IMAGES)
    packed(path, {"cat/1.png": bytes(range(256))})
    data = bytearray(path.read_bytes())
    data[60] ^= 255
    path.write_bytes(bytes(data))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(DataError, match=r"'cat/1\.png' in it is damaged"):
        unpack_data_zip(path, out, IMAGES)
