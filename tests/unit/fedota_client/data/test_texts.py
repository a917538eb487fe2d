"""Texts: what is read, and what a person is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedota_client.data.reading import read_examples
from fedota_client.data.texts import TextFiles, read_texts
from fedota_client.failures import TaskFailedError
from fedota_proto.data_format import TextFormat
from fedota_proto.errors import DataError

FORMAT = TextFormat(1, ("ham", "spam"), longest=20)


def text(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(place: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_examples(place, FORMAT)
    return caught.value.public_message


def test_reads_the_texts_of_each_class(tmp_path: Path) -> None:
    text(tmp_path / "spam" / "b.txt", "\ufeff Buy this!\n")
    text(tmp_path / "ham" / "a.txt", "größer\r\n")

    texts, label = read_examples(tmp_path, FORMAT).fields

    assert texts.values[:].tolist() == [["größer"], ["Buy this!"]]
    assert label.values[:].tolist() == [[0], [1]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (" \n", "ham/a.txt is empty. Fill it in, or remove it."),
        ("x" * 21, "ham/a.txt: found a longer text, expected at most 20 characters."),
        ("x" * 500, "ham/a.txt: found a longer text, expected at most 20 characters."),
        (b"gr\xf6", "ham/a.txt is not UTF-8 text. Save it as UTF-8, or rewrite it"),
        (b"gr\xf6", "iconv -f WINDOWS-1252 -t UTF-8 a.txt > a-utf8.txt"),
        ("größer".encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
        ("größer".encode("utf-16-le"), "iconv -f UTF-16LE -t UTF-8"),
        ("greater".encode("utf-16-be"), "iconv -f UTF-16BE -t UTF-8"),
    ],
)
def test_a_wrong_text_is_told(tmp_path: Path, content: str | bytes, said: str) -> None:
    text(tmp_path / "ham" / "a.txt", content)
    assert said in refusal(tmp_path)


def test_what_does_not_stay_in_memory_is_read_when_it_is_needed(tmp_path: Path) -> None:
    for number in range(5):
        text(tmp_path / "ham" / f"{number}.txt", f"text {number}")
    examples = read_texts(tmp_path, FORMAT, memory_bytes=10)
    assert examples is not None
    files = examples.inputs[0].values
    assert isinstance(files, TextFiles)
    assert files[np.array([4, 0])].tolist() == [["text 4"], ["text 0"]]
    assert len(set(examples.hashes.tolist() if examples.hashes is not None else [])) == 5
    text(tmp_path / "ham" / "2.txt", "")
    with pytest.raises(TaskFailedError, match=r"ham/2.txt is empty"):
        files[:]
