"""A check's result on the terminal, as a page and as JSON."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fedota_client.check.page import page_of, write_page
from fedota_client.check.pictures import Picture
from fedota_client.check.result import CheckResult
from fedota_client.check.terminal import WIDTH, lines_of
from fedota_client.data.findings import Finding
from fedota_proto.errors import FolderError

MISTAKE = Finding(
    "range",
    "a.csv",
    "200",
    expected="a whole number from 0 to 120 (in years)",
    remedy="Check the value and its unit, or remove the row.",
    column="age <b>",
    rows=(5, 9),
    count=2,
)
COMMAND = Finding("separator", "b.csv", "cells", remedy="Rewrite it:", command="python " + "x" * 99)
NOTICE = Finding("one-class", "", "only examples of the class 'M'", level="notice")
PICTURES = (
    Picture("age", "years", 0, 120, (True, False), 3, 200, (0, 1, 8, 4), missing=2, outside=1),
    Picture("y", bars=(4, 0), labels=("B", "M")),
)


def result(*mistakes: Finding) -> CheckResult:
    return CheckResult("/srv/t", "table", 13, 2, 2_048, mistakes, (NOTICE,), PICTURES)


def test_the_terminal_shows_pictures_mistakes_and_what_deserves_a_look() -> None:
    lines = lines_of(result(MISTAKE, COMMAND), "Tumours")

    assert lines[0] == "Tumours"
    assert lines[2] == "/srv/t: 13 examples in 2 files, 2.0 kB."
    age = next(line for line in lines if line.startswith("age"))
    assert "0 │ ▁█▄│ 120" in age
    assert age.endswith("3 to 200 years, 1 outside, 2 missing")
    assert any("B ████████████████████ 4" in line for line in lines)
    assert "The data does not keep the format: 2 things to mend." in lines
    text = " ".join(line.strip() for line in lines)
    assert "1. a.csv, row 5, column 'age <b>': found 200, expected a whole number" in text
    assert "remove the row. This is so 2 times (rows 5, 9)." in text
    assert f"     {COMMAND.command}" in lines
    assert "Found only examples of the class 'M'." in text
    assert all(len(line) <= WIDTH for line in lines if COMMAND.command not in line)


def test_what_keeps_the_format_is_said_so() -> None:
    lines = lines_of(result(), "")
    assert "The data keeps the format." in lines
    assert not any("mend" in line for line in lines)


def test_long_lists_end_with_how_many_more_there_are() -> None:
    lines = lines_of(result(*[MISTAKE] * 25), "")
    assert "     … and 5 more (--json lists all)" in lines


class Reader(HTMLParser):
    """Collects a page's tags and refuses what would be fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {"src", "href"} & {name for name, _ in attrs}
        self.tags.append(tag)


def test_the_page_stands_alone_and_escapes_what_it_shows(tmp_path: Path) -> None:
    write_page(tmp_path / "check.html", result(MISTAKE, COMMAND), "Tumours & more")
    page = (tmp_path / "check.html").read_text()
    reader = Reader()
    reader.feed(page)

    assert reader.tags.count("svg") == 2
    assert reader.tags.count("li") == 3
    assert reader.tags.count("rect") == 5
    assert "b" not in reader.tags
    assert "Tumours &amp; more" in page
    assert "120</text>" in page
    assert "0 (declared)</text>" in page
    assert [path.name for path in tmp_path.iterdir()] == ["check.html"]


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"The report .* cannot be written"):
        write_page(tmp_path / "nowhere" / "check.html", result(), "")
    assert "keeps the format" in page_of(result(), "")


def test_json_holds_everything() -> None:
    document = json.loads(json.dumps(result(MISTAKE).as_json()))
    assert document["kept"] is False
    assert document["mistakes"][0]["rows"] == [5, 9]
    assert document["mistakes"][0]["sentence"].startswith("a.csv, row 5")
    assert document["notices"][0]["level"] == "notice"
    assert document["columns"][1]["counts"] == {"B": 4, "M": 0}
    assert document["columns"][0]["found_high"] == 200
