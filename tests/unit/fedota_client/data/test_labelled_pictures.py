"""Pictures with a file of labels: what is read, and what a person is told."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.refused_pictures import refused_pictures

from fedota_client.data.images import PictureFiles
from fedota_client.data.reading import read_examples, read_split
from fedota_proto.data_format import Column, ImagesFormat

STAGE = Column("stage", "category", allowed=("I", "II"), target=True)
SIZE = Column("size", "number", "mm", 0, 50, target=True)
FORMAT = ImagesFormat(1, (), 4, 5, 3, targets=(STAGE, SIZE))
HEADER = "file,stage,size\n"


def picture(path: Path, value: int = 9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), (value,) * 3).save(path)
    return path


def labels(folder: Path, *rows: str, header: str = HEADER) -> None:
    (folder / "labels.csv").write_text(header + "".join(f"{row}\n" for row in rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures and their labels; a note and hidden files beside them."""
    folder = tmp_path / "data"
    picture(folder / "a.png", 1)
    picture(folder / "scans" / "b.JPG", 100)
    picture(folder / "scans" / "deep" / "c.png", 3)
    (folder / "notes.txt").write_text("no picture")
    picture(folder / "scans" / ".thumbnails" / "c.png")
    labels(folder, "scans/deep/c.png,II,7.5", "a.png,I,1", "./scans/b.JPG,I,50")
    return folder


def refusal(place: Path, data_format: ImagesFormat = FORMAT) -> str:
    return refused_pictures(place, data_format)


def test_every_label_is_an_example_in_the_labels_order(folder: Path) -> None:
    (image,), (targets,) = (e := read_examples(folder, FORMAT)).inputs, e.targets
    assert image.values[:][:, 0, 0, 0].tolist() == [3, 1, 100]
    assert targets.names == ("stage", "size")
    assert targets.values[:].tolist() == [[1, 7.5], [0, 1], [0, 50]]
    assert targets.values.dtype == np.float32


def test_parquet_a_byte_order_mark_and_more_columns_are_fine(folder: Path) -> None:
    as_csv = read_examples(folder, FORMAT)
    path = folder / "labels.csv"
    table = pd.read_csv(path).assign(note="x")
    path.write_bytes(b"\xef\xbb\xbf" + table[["note", "size", "file", "stage"]].to_csv().encode())
    marked = read_examples(folder, FORMAT)
    path.unlink()
    table.to_parquet(folder / "labels.parquet")
    for again in (marked, read_examples(folder, FORMAT)):
        assert np.array_equal(again.targets[0].values[:], as_csv.targets[0].values[:])
        assert np.array_equal(again.inputs[0].values[:], as_csv.inputs[0].values[:])


def test_a_name_fits_however_its_letters_are_composed(tmp_path: Path) -> None:
    picture(tmp_path / "Mu\u0308ller.png", 4)
    labels(tmp_path, "M\u00fcller.png,I,3")
    assert len(read_examples(tmp_path, FORMAT)) == 1


def test_what_does_not_stay_in_memory_is_decoded_when_it_is_needed(folder: Path) -> None:
    kept = read_examples(folder, FORMAT)
    again = read_examples(folder, FORMAT, memory_bytes=10)
    files = again.inputs[0].values
    assert isinstance(files, PictureFiles)
    assert np.array_equal(files[:], kept.inputs[0].values[:])
    assert np.array_equal(again.hashes, kept.hashes)  # type: ignore[arg-type]


def test_the_same_picture_is_on_the_same_side_whatever_its_labels(tmp_path: Path) -> None:
    rows = []
    for number in range(30):
        for name in ("a", "b"):
            picture(tmp_path / name / f"{number}.png", number)
            rows.append(f"{name}/{number}.png,{'I' if name == 'a' else 'II'},{number}")
    labels(tmp_path, *rows)
    split = read_split(tmp_path, FORMAT, 0.3)
    values = [np.unique(s.inputs[0].values[:]).tolist() for s in (split.train, split.held_out)]
    assert not set(values[0]) & set(values[1])
    for side in (split.train, split.held_out):
        grey = side.inputs[0].values[:][:, 0, 0, 0]
        assert side.targets[0].values[:][:, 1].tolist() == grey.tolist()
    assert 0 < len(split.held_out) < 30


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "b.png,I,1",
            "row 5, column 'file': found 'b.png', expected a picture in the data's folder",
        ),
        ("scans/b.jpg,I,1", "Correct the path (upper and lower case count), add the picture, or"),
        ("a.png,I,1", "found 'a.png', which row 3 names already, expected each picture once."),
        (
            "/data/a.png,I,1",
            "found '/data/a.png', expected a path that begins in the data's folder",
        ),
        ("C:/a.png,I,1", "found 'C:/a.png', expected a path that begins in the data's folder."),
        (
            "../a.png,I,1",
            "found '../a.png', expected a path inside the data's folder, without '..'",
        ),
        ("scans/../a.png,I,1", "expected a path inside the data's folder, without '..'"),
        (
            "scans\\b.JPG,I,1",
            r"found 'scans\\b.JPG', expected / between folders. Write it as scans",
        ),
        (
            "scans/b,I,1",
            "found 'scans/b', expected its name with the ending. Write the ending too, as in",
        ),
        (
            "notes.txt,I,1",
            "found 'notes.txt', expected a PNG or JPEG file. Save the picture as PNG",
        ),
        (",I,1", "row 5, column 'file': found an empty cell"),
        ("b.png,III,1", "row 5, column 'stage': found 'III', expected one of 'I', 'II'."),
        (
            "b.png,I,50.1",
            "column 'size': found 50.1, expected a number from 0 to 50 (in mm). Check",
        ),
        ("b.png,I,", "row 5, column 'size': found an empty cell, expected a number from 0 to 50"),
        ("b.png,I,1,2", "row 5: found more cells than the 3 columns that row 1 names"),
    ],
)
def test_a_wrong_label_is_told(folder: Path, row: str, said: str) -> None:
    with (folder / "labels.csv").open("a") as file:
        file.write(f"{row}\n")
    message = refusal(folder)
    assert message.startswith("labels.csv, row 5")
    assert said in message


def test_a_picture_without_a_label_and_a_damaged_one_are_told_by_their_paths(folder: Path) -> None:
    (folder / "scans" / "deep" / "d.png").write_bytes(b"no picture")
    said = "scans/deep/d.png has no row in labels.csv. Add a row for it, or move it out of the data"
    assert said in refusal(folder)
    with (folder / "labels.csv").open("a") as file:
        file.write("scans/deep/d.png,I,1\n")
    assert "scans/deep/d.png is no PNG or JPEG picture, whatever" in refusal(folder)


def test_a_link_is_followed_inside_of_the_folder_alone(folder: Path, tmp_path: Path) -> None:
    (folder / "linked.png").symlink_to("a.png")
    (folder / "again").symlink_to("scans")
    with (folder / "labels.csv").open("a") as file:
        file.write("linked.png,II,2\n")
    assert len(read_examples(folder, FORMAT)) == 4

    outside = picture(tmp_path / "elsewhere" / "x.png")
    (folder / "linked.png").unlink()
    (folder / "linked.png").symlink_to(outside)
    said = "linked.png is a link that leads out of the data's folder. Copy what it leads to into"
    assert said in refusal(folder)
    (folder / "linked.png").unlink()
    (folder / "scans" / "linked").symlink_to(outside.parent)
    assert "scans/linked is a link that leads out" in refusal(folder)


def test_a_column_that_is_asked_for_is_not_taken_for_another(folder: Path) -> None:
    targets = tuple(Column(name, "number", target=True) for name in ("shade", "side"))
    (folder / "labels.csv").write_text("file,shade\na.png,1\n")
    said = refusal(folder, replace(FORMAT, targets=targets))
    assert "found no column 'side'. Add it, named exactly so" in said


def test_a_name_that_no_text_can_hold_is_told(folder: Path) -> None:
    picture(folder / "scans" / os.fsdecode(b"gr\xfcn.png"))
    assert r"scans/gr\xfcn.png has a name that is not UTF-8. Rename it." in refusal(folder)


def test_a_file_of_labels_that_is_none_is_told(folder: Path, tmp_path: Path) -> None:
    labels_file = folder / "labels.csv"
    labels_file.rename(tmp_path / "elsewhere.csv")
    labels_file.symlink_to(tmp_path / "elsewhere.csv")
    assert "labels.csv is a link that leads out of the data's folder" in refusal(folder)
    labels_file.unlink()
    os.mkfifo(labels_file)
    assert "labels.csv is no ordinary file. Put a CSV or Parquet" in refusal(folder)


def test_where_the_labels_are_missing_it_is_told_what_to_do(folder: Path) -> None:
    labels_file = folder / "labels.csv"
    labels_file.rename(folder / "labels-commas.csv")
    assert "Is it 'labels-commas.csv'? Rename it to labels.csv." in refusal(folder)
    (folder / "labels-commas.csv").rename(labels_file)
    (folder / "labels.parquet").write_bytes(b"")
    assert "labels.csv: found labels.parquet beside it, expected one file of labels" in refusal(
        folder
    )
    (folder / "labels.parquet").unlink()
    labels_file.unlink()
    message = refusal(folder)
    assert "no labels.csv or labels.parquet in" in message
    assert "with a row for each picture and the columns 'file', 'stage', 'size'." in message
    assert "Name the folder that holds your pictures" in refusal(folder / "nowhere")
    labels(folder)
    assert "a.png has no row in labels.csv" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("labels.csv.txt", "Is it 'labels.csv.txt'? Rename it to labels.csv."),
        ("Labels.Parquet.zip", "Is it 'Labels.Parquet.zip'? Unpack it to labels.parquet."),
        ("list.xlsx", "Is it 'list.xlsx'? Save it as “CSV UTF-8”, under the name labels.csv."),
        ("scans/labels.csv", "Is it 'scans/labels.csv'? Move it up, and let the paths in it begin"),
        ("scans/other.csv", "with a row for each picture and the columns"),
        ("readme.txt", "with a row for each picture and the columns"),
        ("my labels.txt", "Is it 'my labels.txt'? If it is a table with commas, rename it to lab"),
    ],
)
def test_what_may_be_the_labels_is_told(folder: Path, name: str, said: str) -> None:
    (folder / "labels.csv").rename(folder / name)
    assert said in refusal(folder)


def test_a_hidden_picture_is_told(folder: Path) -> None:
    picture(folder / "scans" / ".a.png")
    with (folder / "labels.csv").open("a") as file:
        file.write("scans/.a.png,I,1\n")
    said = "found 'scans/.a.png', expected a picture that is not hidden. Rename it without the dot"
    assert said in refusal(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("file;stage;size\na.png;I;1,5\n", "cells separated by semicolons and numbers with a dec"),
        ("picture,stage,size\na.png,I,1\n", "labels.csv, row 1: found no column 'file'"),
        ("file,sizes,stage\na.png,1,I\n", "found no column 'size'. Is it the one named 'sizes'?"),
        ("file,stage\na.png,I\n", "labels.csv, row 1: found no column 'size'. Add it, named exact"),
        ("", "labels.csv is empty. Its first row must name the columns: 'file', 'stage', 'size'"),
    ],
)
def test_a_file_of_labels_is_as_any_table(folder: Path, content: str, said: str) -> None:
    (folder / "labels.csv").write_text(content)
    assert said in refusal(folder)
    (folder / "labels.csv").write_bytes("file,stage,size\né.png,I,1\n".encode("latin-1"))
    assert "labels.csv is not UTF-8 text." in refusal(folder)
