"""A check's result in plain lines, with distributions drawn in block characters."""

from __future__ import annotations

import textwrap
from dataclasses import replace

from fedota_client.check.pictures import Picture
from fedota_client.check.result import CheckResult
from fedota_client.data.findings import Finding
from fedota_proto.units import size_words

WIDTH = 100
FINDINGS_SHOWN = 20
PICTURES_SHOWN = 60
_CLASSES_SHOWN = 12
_NAME_WIDTH = 24
_BAR_WIDTH = 20
_BLOCKS = " ▁▂▃▄▅▆▇█"


def lines_of(result: CheckResult, title: str) -> list[str]:
    """Write a result for people.

    Parameters
    ----------
    result
        Of the check.
    title
        Of the problem; may be empty.

    Returns
    -------
    list of str
        Lines of at most `WIDTH` characters, but for what cannot be broken.
    """
    files = "1 file" if result.files == 1 else f"{result.files:,} files"
    lines = [title, ""] if title else []
    lines.append(
        f"{result.place}: {result.examples:,} examples in {files}, {size_words(result.size_bytes)}."
    )
    if result.pictures and result.examples:
        lines += ["", *drawn(result.pictures)]
    lines.append("")
    if result.kept:
        lines.append("The data keeps the format.")
    else:
        count = len(result.mistakes)
        lines.append(
            "The data does not keep the format: "
            + ("one thing to mend." if count == 1 else f"{count} things to mend.")
        )
        lines += _listed(result.mistakes)
    if result.notices:
        lines += ["", "Have a look, though it is allowed:", *_listed(result.notices)]
    return lines


def drawn(pictures: tuple[Picture, ...]) -> list[str]:
    """Draw each column's distribution, one line for numbers and one for each class."""
    lines: list[str] = []
    for picture in pictures[:PICTURES_SHOWN]:
        lines += _classes(picture) if picture.labels else [_numbers(picture)]
    if len(pictures) > PICTURES_SHOWN:
        lines.append(f"… and {len(pictures) - PICTURES_SHOWN} more columns (--report shows all)")
    return lines


def _numbers(picture: Picture) -> str:
    highest = max(picture.bars, default=0)
    bars = "".join(_block(count, highest) for count in picture.bars)
    axis = f"{picture.low:>9.4g} │{bars}│ {picture.high:<9.4g}"
    return f"{_name(picture)} {axis} {_found(picture)}".rstrip()


def _classes(picture: Picture) -> list[str]:
    highest = max(picture.bars, default=0)
    lines: list[str] = []
    for label, count in list(zip(picture.labels, picture.bars, strict=True))[:_CLASSES_SHOWN]:
        bar = "█" * (round(_BAR_WIDTH * count / highest) if highest else 0)
        if count and not bar:
            bar = "▏"
        name = _name(picture) if not lines else " " * _NAME_WIDTH
        lines.append(f"{name} {label[:16]:>16} {bar:<{_BAR_WIDTH}} {count:,}")
    if len(picture.labels) > _CLASSES_SHOWN:
        more = len(picture.labels) - _CLASSES_SHOWN
        lines.append(f"{' ' * _NAME_WIDTH} … and {more} more")
    return lines


def _name(picture: Picture) -> str:
    name = picture.name if len(picture.name) <= _NAME_WIDTH else picture.name[:23] + "…"
    return f"{name:<{_NAME_WIDTH}}"


def _found(picture: Picture) -> str:
    if picture.found_low is None or picture.found_high is None:
        return "nothing"
    said = f"{picture.found_low:.4g} to {picture.found_high:.4g} {picture.unit}".rstrip()
    if picture.outside:
        said += f", {picture.outside:,} outside"
    if picture.missing:
        said += f", {picture.missing:,} missing"
    return said


def _block(count: int, highest: int) -> str:
    if not count:
        return " "
    return _BLOCKS[max(1, round(8 * count / highest))]


def _listed(findings: tuple[Finding, ...]) -> list[str]:
    lines: list[str] = []
    for number, one in enumerate(findings[:FINDINGS_SHOWN], start=1):
        text = replace(one, command="").sentence
        text += f" This is so {one.often}." if one.often else ""
        lines += textwrap.wrap(
            text,
            WIDTH,
            initial_indent=f"{number:>3}. ",
            subsequent_indent="     ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        if one.command:
            lines.append(f"     {one.command}")
    if len(findings) > FINDINGS_SHOWN:
        lines.append(f"     … and {len(findings) - FINDINGS_SHOWN} more (--json lists all)")
    return lines
