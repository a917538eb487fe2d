"""The checks of pictures, texts and arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from fedota_client.check.running import check_data
from fedota_client.check.terminal import lines_of
from fedota_proto.data_format import ArraysFormat, DeclaredArray, ImagesFormat, TextFormat

PICTURES = ImagesFormat(2, ("cat", "dog"), 4, 4, 1)
TEXTS = TextFormat(2, ("ham", "spam"), longest=20)
ARRAYS = ArraysFormat(
    2,
    (
        DeclaredArray("x", "float32", (2,), minimum=0, maximum=1),
        DeclaredArray("y", "int32", (), classes=2, target=True),
    ),
)


def picture(path: Path, value: int, side: int = 4) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("L", (side, side), value).save(path)


def test_every_picture_is_looked_at_and_every_mistake_told(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / "cat" / f"{number}.png", number * 100)
    picture(tmp_path / "dog" / "same.png", 100)
    picture(tmp_path / "dog" / "large.png", 7, side=5)
    (tmp_path / "dog" / "cut.png").write_bytes((tmp_path / "cat" / "0.png").read_bytes()[:50])

    result = check_data(tmp_path, PICTURES)

    assert [(one.code, one.file) for one in result.mistakes] == [
        ("damaged", "dog/cut.png"),
        ("size", "dog/large.png"),
    ]
    (notice,) = result.notices
    assert "the same picture as 'cat/1.png', of another class" in notice.sentence
    classes, brightness = result.pictures
    assert dict(zip(classes.labels, classes.bars, strict=True)) == {"cat": 3, "dog": 1}
    assert (brightness.found_low, brightness.found_high) == (0, 200)
    assert (result.examples, result.files) == (4, 6)


def test_the_same_mistake_in_many_pictures_is_told_once_with_their_names(tmp_path: Path) -> None:
    for number in range(7):
        picture(tmp_path / "cat" / f"{number}.png", number, side=5)
    picture(tmp_path / "dog" / "a.png", 1, side=6)

    result = check_data(tmp_path, PICTURES)

    sizes = [one for one in result.mistakes if one.code == "size"]
    assert [(one.file, one.count) for one in sizes] == [("cat/0.png", 7), ("dog/a.png", 1)]
    assert sizes[0].as_json()["files"] == [f"cat/{number}.png" for number in range(7)]
    said = " ".join(" ".join(lines_of(result, "")).split())
    assert "cat/0.png: found a picture of 5 × 5 pixels" in said
    assert (
        "This is so in 7 files (cat/0.png, cat/1.png, cat/2.png, cat/3.png, cat/4.png …)." in said
    )
    assert not [one for one in result.mistakes if one.code == "too-few"]


def test_pictures_without_mistake_are_fine_though_a_class_is_missing(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png", 1)
    picture(tmp_path / "cat" / "b.png", 2)
    result = check_data(tmp_path, PICTURES)
    assert result.kept
    assert [one.code for one in result.notices] == ["one-class"]


def test_a_folder_that_is_not_there_or_empty_is_told(tmp_path: Path) -> None:
    for data_format in (PICTURES, TEXTS, ARRAYS):
        for place in (tmp_path, tmp_path / "nowhere"):
            result = check_data(place, data_format)
            assert not result.kept
            assert result.mistakes[0].code in ("folder", "empty-folder")


def test_every_text_is_read_and_every_mistake_told(tmp_path: Path) -> None:
    (tmp_path / "ham").mkdir()
    (tmp_path / "ham" / "a.txt").write_text("hello")
    (tmp_path / "ham" / "b.txt").write_text("hello")
    (tmp_path / "ham" / "c.txt").write_bytes(b"\xff")
    (tmp_path / "ham" / "d.pdf").write_bytes(b"")

    result = check_data(tmp_path, TEXTS)

    assert [(one.code, one.file) for one in result.mistakes] == [
        ("foreign", "ham/d.pdf"),
        ("encoding", "ham/c.txt"),
    ]
    assert [one.code for one in result.notices] == ["duplicates", "one-class"]
    assert result.pictures[1].found_high == 5


def test_every_array_is_read_and_every_mistake_told(tmp_path: Path) -> None:
    x = np.array([[0, 0.5], [2, 1], [0, 0.5]], np.float32)
    np.savez(tmp_path / "a.npz", x=x, y=np.array([0, 1, 0], np.int32))
    np.savez(tmp_path / "b.npz", x=x.astype("f8"), y=np.array([0, 1, 0], np.int32))

    result = check_data(tmp_path, ARRAYS)

    assert [(one.code, one.file, one.rows, one.count) for one in result.mistakes] == [
        ("range", "a.npz", (2,), 1),
        ("header", "b.npz", (), 1),
    ]
    assert [one.code for one in result.notices] == ["duplicates"]
    first, second = result.pictures
    assert (first.outside, sum(first.bars)) == (1, 5)
    assert dict(zip(second.labels, second.bars, strict=True)) == {"0": 2, "1": 1}
    assert result.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
