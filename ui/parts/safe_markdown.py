"""A setter's Markdown, shown without letting it load, run or imitate anything."""

from __future__ import annotations

from functools import cache

import streamlit as st
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

# A heading of the text stands below the page's own.
_LOWER = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}


def _open_link(
    self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    tokens[index].attrSet("target", "_blank")
    return self.renderToken(tokens, index, options, env)


def _heading(
    self: RendererHTML, tokens: list[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[index].tag = _LOWER.get(tokens[index].tag, tokens[index].tag)
    return self.renderToken(tokens, index, options, env)


@cache
def _reader() -> MarkdownIt:
    # Without the rule for images, one becomes a link to itself: nothing is fetched from elsewhere.
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    reader.add_render_rule("link_open", _open_link)
    reader.add_render_rule("heading_open", _heading)
    reader.add_render_rule("heading_close", _heading)
    return reader


def markdown_html(text: str) -> str:
    """Turn Markdown into HTML that holds neither the text's own HTML nor images.

    Parameters
    ----------
    text
        As the setter wrote it. Tags in it come out as text, an image as a link, a link only to
        an address of a harmless kind.
    """
    html: str = _reader().render(text)
    return html


def show_markdown(text: str) -> None:
    """Show a setter's Markdown."""
    if text.strip():
        st.html(f'<div class="fedota-prose">{markdown_html(text)}</div>')
