"""The check of pictures with a file of labels."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from fedota_client.check.page import page_of
from fedota_client.check.running import check_data
from fedota_client.check.terminal import lines_of
from fedota_proto.data_format import Column, ImagesFormat

STAGE = Column("stage", "category", allowed=("I", "II"), target=True)
SIZE = Column("size", "number", "mm", 0, 50, target=True)
FORMAT = ImagesFormat(2, (), 4, 4, 1, targets=(STAGE, SIZE))


def picture(path: Path, value: int, side: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (side, side), value).save(path)


def labels(folder: Path, *rows: str) -> None:
    (folder / "labels.csv").write_text("file,stage,size\n" + "".join(f"{row}\n" for row in rows))


def test_targets_are_drawn_and_copies_noticed(tmp_path: Path) -> None:
    for name, value in (("a", 0), ("b", 100), ("c", 200), ("x/a", 0), ("x/b", 100)):
        picture(tmp_path / f"{name}.png", value)
    labels(tmp_path, "a.png,I,1", "b.png,II,2", "c.png,I,50", "x/a.png,II,1", "x/b.png,II,2")
    seen: list[tuple[int, int]] = []

    result = check_data(tmp_path, FORMAT, lambda done, total: seen.append((done, total)))

    assert result.kept
    stage, size, brightness = result.pictures
    assert dict(zip(stage.labels, stage.bars, strict=True)) == {"I": 2, "II": 3}
    assert (size.low, size.high, size.unit, sum(size.bars)) == (0, 50, "mm", 5)
    assert (brightness.found_low, brightness.found_high) == (0, 200)
    assert [one.sentence for one in result.notices] == [
        "Found 'x/a.png', the same picture as 'a.png', with other targets. Keep the one whose "
        "targets are right.",
        "Found 'x/b.png', the same picture as 'b.png'. If it is a copy, remove it and its row: it "
        "counts double.",
    ]
    assert (result.examples, result.files) == (5, 6)
    assert seen[-1][0] == seen[-1][1] == result.size_bytes
    page = page_of(result, "T")
    assert "stage" in page
    assert "size" in page


def test_everything_is_looked_at_and_every_mistake_told(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.png", number)
    picture(tmp_path / "large.png", 7, side=5)
    for number in range(6):
        picture(tmp_path / "new" / f"{number}.png", 20 + number)
    labels(
        tmp_path,
        "0.png,I,1",
        "1.png,III,2",
        "2.png,I,77",
        "large.png,I,3",
        "gone.png,I,3",
        "../0.png,I,3",
        "gone/too.png,I,3",
        "0.png,II,1",
    )

    result = check_data(tmp_path, FORMAT)

    assert [(one.code, one.file, one.rows, one.count) for one in result.mistakes] == [
        ("allowed", "labels.csv", (3,), 1),
        ("range", "labels.csv", (4,), 1),
        ("no-picture", "labels.csv", (6, 8), 2),
        ("outside-path", "labels.csv", (7,), 1),
        ("named-twice", "labels.csv", (9,), 1),
        ("no-label", "new/0.png", (), 6),
        ("size", "large.png", (), 1),
    ]
    assert result.examples == 3
    assert result.pictures[1].outside == 1
    said = " ".join(" ".join(lines_of(result, "")).split())
    assert "found 'gone.png', expected a picture in the data's folder" in said
    assert "This is so 2 times (rows 6, 8)." in said
    assert "new/0.png has no row in labels.csv" in said
    assert "This is so in 6 files (new/0.png, new/1.png" in said


def test_pictures_are_judged_too_where_the_labels_cannot_be_read(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 1, side=5)
    (tmp_path / "labels.csv").write_text("file;stage;size\na.png;I;1\n")
    codes = [one.code for one in check_data(tmp_path, FORMAT).mistakes]
    assert codes == ["separator", "size"]
    labels(tmp_path, "a.png,I,1", '"b.png,I,1')
    codes = [one.code for one in check_data(tmp_path, FORMAT).mistakes]
    assert codes == ["irregular", "size"]


def test_what_leads_out_is_not_opened(tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    picture(outside, 1, side=5)
    data = tmp_path / "data"
    for number in range(2):
        picture(data / f"{number}.png", number)
    (data / "2.png").symlink_to(outside)
    labels(data, "0.png,I,1", "1.png,II,1", "2.png,II,1")
    result = check_data(data, FORMAT)
    assert [(one.code, one.file) for one in result.mistakes] == [("link", "2.png")]
    assert result.examples == 2


def test_missing_labels_and_one_class_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 1)
    picture(tmp_path / "b.png", 2)
    assert [one.code for one in check_data(tmp_path, FORMAT).mistakes] == ["labels"]
    assert [one.code for one in check_data(tmp_path / "no", FORMAT).mistakes] == ["folder"]
    labels(tmp_path, "a.png,I,1", "b.png,I,2")
    result = check_data(tmp_path, FORMAT)
    assert result.kept
    assert [one.code for one in result.notices] == ["one-class"]
