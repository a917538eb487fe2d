"""Pictures: what is read, and what a person is told."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.refused_pictures import refused_pictures

from fedota_client.data.images import PictureFiles, read_images
from fedota_client.data.reading import read_examples, read_split
from fedota_client.failures import TaskFailedError
from fedota_proto.data_format import ImagesFormat

FORMAT = ImagesFormat(1, ("cat", "dog", "owl"), 4, 5, 3)


def picture(path: Path, value: int = 9, size: tuple[int, int] = (5, 4), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode in ("L", "P") else (value,) * len(mode)).save(path)
    return path


def refusal(place: Path, data_format: ImagesFormat = FORMAT) -> str:
    return refused_pictures(place, data_format)


def claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its pixels do not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 64)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_folder_is_a_class_and_holders_may_lack_some(tmp_path: Path) -> None:
    picture(tmp_path / "dog" / "b.png", 2)
    picture(tmp_path / "dog" / "a.jpg", 100)
    picture(tmp_path / "cat" / "c.PNG", 3)
    (tmp_path / "cat" / ".DS_Store").write_text("no data")

    image, label = read_examples(tmp_path, FORMAT).fields

    assert image.values.shape == (3, 4, 5, 3)
    assert image.values.dtype == np.uint8
    assert image.values[:][:, 0, 0, 0].tolist() == [3, 100, 2]
    assert label.values[:].tolist() == [[0], [1], [1]]


@pytest.mark.parametrize(
    ("mode", "channels"), [("P", 3), ("1", 1), ("L", 1), ("RGBA", 4), ("RGB", 3)]
)
def test_pictures_without_loss_are_taken(tmp_path: Path, mode: str, channels: int) -> None:
    path = tmp_path / "cat" / "a.png"
    path.parent.mkdir()
    Image.new(mode, (5, 4)).save(path)
    examples = read_examples(tmp_path, ImagesFormat(1, FORMAT.classes, 4, 5, channels))
    assert examples.inputs[0].values.shape == (1, 4, 5, channels)


def test_other_sizes_are_made_to_fit_where_that_is_allowed(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png", 7, size=(50, 30))
    fitting = ImagesFormat(1, FORMAT.classes, 4, 5, 3, resize=True)
    assert (read_examples(tmp_path, fitting).inputs[0].values[:] == 7).all()
    assert (
        "cat/a.png: found a picture of 50 × 30 pixels, expected 5 × 4 pixels. Scale it"
        in refusal(tmp_path)
    )


def test_a_claim_of_60000_pixels_squared_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.png").write_bytes(claiming(60_000, 60_000))
    for data_format in (FORMAT, ImagesFormat(1, FORMAT.classes, 4, 5, 3, resize=True)):
        message = refusal(tmp_path, data_format)
        assert "cat/a.png: found a picture that claims 60,000 × 60,000 pixels" in message
        assert "It was not opened" in message


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cat/a.png", b"", "cat/a.png is empty. Remove it."),
        ("cat/a.png", b"no picture", "cat/a.png is no PNG or JPEG picture, whatever its name"),
        ("cat/a.txt", b"x", "cat/a.txt is no PNG or JPEG file. Move it out of here."),
        ("dogs/a.png", b"x", "dogs/ bears the name of no class, expected one of 'cat', 'dog', 'ow"),
        ("a.png", b"x", "a.png lies in no class's folder. Move it into the folder of its class."),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    picture(tmp_path / "owl" / "fine.png")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    assert said in refusal(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_truncated_picture_is_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "cat" / f"a{suffix}"
    path.parent.mkdir()
    noise = np.random.default_rng(1).integers(0, 255, (4, 5, 3), np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert f"cat/a{suffix} is cut off or damaged. Copy or export it again" in refusal(tmp_path)


def test_wrong_channels_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png", mode="L")
    assert "cat/a.png: found a picture in grey, expected colour. Save it in" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (
            "I;16",
            "grey with more than 8 bits a pixel, expected colour. Scale its values to 0",
        ),
        ("LA", "grey with transparency, expected colour. Save it in colour, or remove it."),
        ("CMYK", "the colours of print (CMYK), expected colour. Save it in colour, or remove it."),
        ("RGBA", "colour with transparency, expected colour. Save it in colour, or remove it."),
    ],
)
def test_other_pixels_are_told_in_words(tmp_path: Path, mode: str, said: str) -> None:
    path = tmp_path / "cat" / ("a.jpg" if mode == "CMYK" else "a.png")
    path.parent.mkdir()
    Image.new(mode, (5, 4)).save(path)
    assert f"{path.name}: found a picture in {said}" in refusal(tmp_path)


def test_a_name_that_no_text_can_hold_is_told(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "a.png")
    picture(tmp_path / "cat" / os.fsdecode(b"gr\xfcn.png"))
    assert r"cat/gr\xfcn.png has a name that is not UTF-8. Rename it." in refusal(tmp_path)


def test_a_folder_without_any_class_is_told(tmp_path: Path) -> None:
    assert "no folder of a class in" in refusal(tmp_path)
    assert "no folder " in refusal(tmp_path / "nowhere")
    (tmp_path / "cat").mkdir()
    assert "Found 0 examples, expected at least 1. Add more pictures" in refusal(tmp_path)


def test_what_does_not_stay_in_memory_is_decoded_when_it_is_needed(tmp_path: Path) -> None:
    paths = [picture(tmp_path / "cat" / f"{n}.png", n) for n in range(20)]
    kept = read_images(tmp_path, FORMAT)
    read_again = read_images(tmp_path, FORMAT, memory_bytes=10)
    assert kept is not None
    assert read_again is not None
    files = read_again.inputs[0].values
    assert isinstance(files, PictureFiles)
    assert (files[np.array([3, 1])] == kept.inputs[0].values[:][[3, 1]]).all()
    assert np.array_equal(kept.hashes, read_again.hashes)  # type: ignore[arg-type]
    paths[3].unlink()
    with pytest.raises(TaskFailedError) as caught:
        files[:]
    assert "An example cannot be used: cat/3.png cannot be read" in caught.value.reason


def test_the_same_picture_is_on_the_same_side_whatever_its_class(tmp_path: Path) -> None:
    for number in range(30):
        picture(tmp_path / "cat" / f"{number}.png", number)
        picture(tmp_path / "dog" / f"{number}.png", number)
    split = read_split(tmp_path, FORMAT, 0.3)

    values = [np.unique(s.inputs[0].values[:]).tolist() for s in (split.train, split.held_out)]
    assert not set(values[0]) & set(values[1])
    assert len(split) == 60
    assert 0 < len(split.held_out) < 30
