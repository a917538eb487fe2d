"""A check's result as one HTML page that needs nothing from anywhere."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path

from fedota_client.check.pictures import Picture
from fedota_client.check.result import CheckResult
from fedota_client.data.findings import Finding
from fedota_client.whole_file import whole_file
from fedota_proto.errors import FolderError
from fedota_proto.units import size_words

_WIDTH, _HEIGHT, _LABEL_HEIGHT = 320, 80, 16
_CLASSES_SHOWN = 40
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.5rem} h2{font-size:1.15rem;margin-top:2rem} li{margin:.4rem 0}
.kept{color:#17663a} .broken{color:#9b1c1c} .small{color:#555;font-size:.9rem}
.columns{display:grid;grid-template-columns:repeat(auto-fill,minmax(20.5rem,1fr));gap:1.2rem}
figure{margin:0} figcaption{font-weight:600} svg{background:#f6f7f9;display:block}
rect{fill:#3b6ea5} text{font:11px system-ui,sans-serif;fill:#444}
"""


def page_of(result: CheckResult, title: str) -> str:
    """Write a result as HTML.

    Parameters
    ----------
    result
        Of the check.
    title
        Of the problem; may be empty.

    Returns
    -------
    str
        A whole page. It holds counts and the values that findings show, and no example.
    """
    verdict = (
        '<p class="kept">The data keeps the format.</p>'
        if result.kept
        else '<p class="broken">The data does not keep the format.</p>'
    )
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(title or 'Check of data')}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title or 'Check of data')}</h1>",
        f"<p>{escape(result.place)}: {result.examples:,} examples in {result.files:,} files, "
        f"{size_words(result.size_bytes)}.</p>",
        verdict,
        *_list("To mend", result.mistakes),
        *_list("Have a look, though it is allowed", result.notices),
        "<h2>Columns</h2>",
        '<p class="small">Bars count the values along the declared range, or along what was found '
        "where none is declared.</p>",
        '<div class="columns">',
        *(_figure(picture) for picture in result.pictures),
        "</div>",
        '<p class="small">Made by fedota-client check on this machine. Nothing of it was sent.</p>',
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def write_page(path: Path, result: CheckResult, title: str) -> None:
    """Write the page to a file, beside and renamed.

    Raises
    ------
    FolderError
        The file cannot be written.
    """
    try:
        with whole_file(path) as beside:
            beside.write_text(page_of(result, title), encoding="utf-8")
    except OSError as error:
        raise FolderError(
            f"The report {path} cannot be written ({error.strerror}): name another file with "
            "--report."
        ) from error


def _list(heading: str, findings: tuple[Finding, ...]) -> list[str]:
    if not findings:
        return []
    items = [
        f"<li>{escape(replace(one, command='').sentence)}"
        + (f"<br><code>{escape(one.command)}</code>" if one.command else "")
        + (f' <span class="small">{escape(one.often)}</span>' if one.often else "")
        + "</li>"
        for one in findings
    ]
    return [f"<h2>{escape(heading)}</h2>", "<ol>", *items, "</ol>"]


def _figure(picture: Picture) -> str:
    drawn = _classes(picture) if picture.labels else _numbers(picture)
    caption = escape(picture.name) + (f" ({escape(picture.unit)})" if picture.unit else "")
    notes = []
    if picture.found_low is not None and picture.found_high is not None:
        notes.append(f"found {picture.found_low:.6g} to {picture.found_high:.6g}")
    if picture.outside:
        notes.append(f"{picture.outside:,} outside")
    if picture.missing:
        notes.append(f"{picture.missing:,} missing")
    return (
        f'<figure><figcaption>{caption}</figcaption>{drawn}<span class="small">'
        f"{escape('; '.join(notes))}</span></figure>"
    )


def _numbers(picture: Picture) -> str:
    highest = max(picture.bars, default=0) or 1
    width = _WIDTH / max(1, len(picture.bars))
    bars = "".join(
        f'<rect x="{number * width:.1f}" y="{_HEIGHT - _HEIGHT * count / highest:.1f}" '
        f'width="{width - 1:.1f}" height="{_HEIGHT * count / highest:.1f}"/>'
        for number, count in enumerate(picture.bars)
        if count
    )
    ends = [
        f"{value:.6g}" + (" (declared)" if declared else "")
        for value, declared in zip((picture.low, picture.high), picture.declared, strict=True)
    ]
    foot = _HEIGHT + 12
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT + _LABEL_HEIGHT}" role="img">{bars}'
        f'<text x="2" y="{foot}">{ends[0]}</text>'
        f'<text x="{_WIDTH - 2}" y="{foot}" text-anchor="end">{ends[1]}</text></svg>'
    )


def _classes(picture: Picture) -> str:
    shown = list(zip(picture.labels, picture.bars, strict=True))[:_CLASSES_SHOWN]
    highest = max(picture.bars, default=0) or 1
    rows = "".join(
        f'<text x="96" y="{number * 18 + 13}" text-anchor="end">{escape(label[:14])}</text>'
        f'<rect x="102" y="{number * 18 + 3}" width="{150 * count / highest:.1f}" height="12"/>'
        f'<text x="{106 + 150 * count / highest:.1f}" y="{number * 18 + 13}">{count:,}</text>'
        for number, (label, count) in enumerate(shown)
    )
    return f'<svg width="{_WIDTH}" height="{len(shown) * 18 + 4}" role="img">{rows}</svg>'
