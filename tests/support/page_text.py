"""What stands on a page that AppTest has run."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest


def text_of(page: AppTest) -> str:
    """Join all texts of a page: titles, Markdown, captions, HTML, messages, labels of links."""
    found: list[str] = []
    for kind in (
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "error",
        "info",
        "warning",
        "success",
        "toast",
        "code",
        "metric",
    ):
        for element in page.get(kind):
            found.append(str(getattr(element, "value", "")))
            found.append(str(getattr(element, "label", "")))
    found += [element.proto.body for element in page.get("html")]
    found += [element.proto.label for element in page.get("page_link")]
    return "\n".join(found)


def unescaped(text: str) -> str:
    """Take back what `plain` puts before punctuation."""
    return text.replace("\\", "").replace("\u2060", "")


def press(page: AppTest, label: str) -> AppTest:
    """Press the one button of that label, and run."""
    (button,) = [one for one in page.button if one.label == label]
    return button.click().run()


def has_button(page: AppTest, label: str) -> bool:
    """Tell whether there is a button of that label."""
    return any(one.label == label for one in page.button)


def field(page: AppTest, label: str) -> Any:
    """Find the one field of that label."""
    kinds = ("text_input", "text_area", "number_input", "selectbox", "radio", "checkbox")
    elements: list[Any] = [element for kind in kinds for element in page.get(kind)]
    (found,) = [element for element in elements if element.label == label]
    return found


def open_tab(page: AppTest, name: str) -> AppTest:
    """Open a tab, which then runs its part of the page."""
    page.query_params["tab"] = name
    return page.run()


def opened(page: AppTest, *expanders: str) -> AppTest:
    """Open expanders that fill themselves once they are open, by their keys."""
    for key in expanders:
        page.session_state[key] = True
    return page.run()


def rows_of(page: AppTest, heading: str) -> list[list[str]]:
    """Return the cells, row by row, of the table written as text whose first heading this is."""
    for element in page.markdown:
        lines = [line.strip("| ").split(" | ") for line in element.value.splitlines()]
        if lines[0][0] == heading and len(lines) > 1:
            return [[unescaped(cell) for cell in line] for line in lines[2:]]
    raise AssertionError(f"no table begins with {heading}:\n{text_of(page)}")
