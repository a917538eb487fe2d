"""The form that data must have, in words and as a table."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest
from support.page_text import rows_of, text_of, unescaped


def labelled_pictures() -> None:
    from fedota_proto.data_format import Column, ImagesFormat
    from ui.parts.data_needed import show_data_needed

    stage = Column("stage", "category", allowed=("I", "II"), target=True)
    size = Column("size", "number", "mm", 0, 50, target=True)
    show_data_needed(ImagesFormat(10, (), 64, 48, 1, targets=(stage, size)))


def folders_of_pictures() -> None:
    from fedota_proto.data_format import ImagesFormat
    from ui.parts.data_needed import show_data_needed

    show_data_needed(ImagesFormat(10, ("cat", "dog"), 64, 48, 3, resize=True))


def test_the_columns_of_labels_are_listed() -> None:
    page = AppTest.from_function(labelled_pictures).run()
    assert not page.exception
    assert (
        "Pictures (PNG or JPEG) from which stage and size are predicted, with a file of labels "
        "(labels.csv or labels.parquet), 48 × 64 pixels, grey (others are refused), at least 10 "
        "examples."
    ) in unescaped(text_of(page))
    assert rows_of(page, "column of the labels") == [
        ["file", "text", "the picture's path in the folder, as scans/a.png", "names"],
        ["stage", "category", "I, II", "predicted"],
        ["size", "number", "0 to 50 mm", "predicted"],
    ]


def test_folders_are_listed() -> None:
    page = AppTest.from_function(folders_of_pictures).run()
    assert not page.exception
    assert "in a folder for each of 2 classes, 48 × 64 pixels, colour (others are made to" in (
        unescaped(text_of(page))
    )
    assert rows_of(page, "class (a folder's name)") == [["cat"], ["dog"]]
