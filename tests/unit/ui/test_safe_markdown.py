"""A setter's Markdown."""

from __future__ import annotations

import pytest

from ui.parts.safe_markdown import markdown_html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "x <img src=x onerror=alert(1)>",
        "<iframe src='https://evil.example'></iframe>",
        "<style>body { display: none }</style>",
    ],
)
def test_its_own_html_is_text(text: str) -> None:
    html = markdown_html(text)
    assert "&lt;" in html
    for tag in ("<script", "<img", "<iframe", "<style"):
        assert tag not in html


@pytest.mark.parametrize(
    "text",
    [
        "![pixel](https://tracker.example/p.png)",
        "![pixel][ref]\n\n[ref]: https://tracker.example/p.png",
        "[![pixel](https://tracker.example/p.png)](https://ok.example)",
    ],
)
def test_an_image_is_a_link_and_fetches_nothing(text: str) -> None:
    html = markdown_html(text)
    assert "<img" not in html
    assert " src=" not in html
    assert 'href="https://tracker.example/p.png"' in html


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_a_link_leads_to_no_script(address: str) -> None:
    assert "<a " not in markdown_html(f"[click]({address})")


def test_what_is_harmless_stays() -> None:
    html = markdown_html("# Title\n\n**bold** [site](https://ok.example)\n\n|a|\n|-|\n|1|")
    assert "<h3>Title</h3>" in html
    assert "<strong>bold</strong>" in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert "<td>1</td>" in html
