"""Our own small HTML pages: one form each, readable without a script."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starlette.responses import HTMLResponse

from fedota_proto.errors import FedotaError
from fedota_server.webserver.http_errors import error_headers, http_status
from ui.theme.palette import CODE_FONT, DARK, FONT, LIGHT, Palette

STYLE_PATH = "/look/form.css"
ICON_PATH = "/look/icon.svg"

_STYLE = Path(__file__).parents[1] / "theme" / "form.css"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Fedota</title>
<link rel="icon" href="{icon}" type="image/svg+xml">
<link rel="stylesheet" href="{style}">
</head>
<body>
<main>
<p class="brand"><img src="{icon}" alt="" width="28" height="28">Fedota</p>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Parameters
    ----------
    name, label
        In the form's data, and as people read it.
    kind
        HTML's type of input.
    autocomplete
        What browsers and password managers fill in.
    hint
        What is expected, below the field.
    value
        What was typed before; never set for passwords.
    focus
        Whether typing begins here.
    least, most
        Fewest and most characters.
    optional
        Whether it may stay empty.
    """

    name: str
    label: str
    kind: str = "text"
    autocomplete: str = "off"
    hint: str = ""
    value: str = ""
    focus: bool = False
    least: int = 0
    most: int = 254
    optional: bool = False

    def html(self) -> str:
        """Write it as HTML."""
        name = html.escape(self.name)
        attributes = {
            "id": name,
            "name": name,
            "type": self.kind,
            "autocomplete": self.autocomplete,
            "maxlength": str(self.most),
        }
        if self.least:
            attributes["minlength"] = str(self.least)
        if self.value and self.kind != "password":
            attributes["value"] = self.value
        if self.hint:
            attributes["aria-describedby"] = f"{name}-hint"
        if self.kind != "password" and self.kind != "email":
            attributes["spellcheck"] = "false"
        flags = ("" if self.optional else " required") + (" autofocus" if self.focus else "")
        written = "".join(f' {key}="{html.escape(value)}"' for key, value in attributes.items())
        hint = f'<p class="hint" id="{name}-hint">{html.escape(self.hint)}</p>' if self.hint else ""
        return f'<label for="{name}">{html.escape(self.label)}</label><input{written}{flags}>{hint}'


@dataclass(frozen=True)
class FormPage:
    """A page with one form.

    Parameters
    ----------
    title
        Its heading.
    action
        Where the form is sent.
    button
        What its button says.
    intro
        A sentence above it.
    fields
        In their order.
    hidden
        Fields that people do not see.
    links
        Below the form: words and address of each.
    wide_links
        Above the form, as buttons: words and address of each.
    """

    title: str
    action: str
    button: str
    intro: str = ""
    fields: Sequence[Field] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[tuple[str, str]] = ()
    wide_links: Sequence[tuple[str, str]] = ()

    def response(self, error: FedotaError | None = None) -> HTMLResponse:
        """Answer with the page.

        Parameters
        ----------
        error
            Why the form is shown again: said above the fields, with its status and when to come
            back.
        """
        if error is None:
            return page(self.title, self._body(""))
        wait = {
            name: value for name, value in error_headers(error).items() if name == "Retry-After"
        }
        body = self._body(error.public_message)
        return page(self.title, body, status=http_status(error), headers=wait)

    def _body(self, error: str) -> str:
        parts = []
        if self.intro:
            parts.append(f"<p>{html.escape(self.intro)}</p>")
        if error:
            parts.append(f'<p class="error" role="alert">{html.escape(error)}</p>')
        parts += [_link(words, to, "button quiet") for words, to in self.wide_links]
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in self.hidden.items()
        )
        fields = "".join(one.html() for one in self.fields)
        parts.append(
            f'<form method="post" action="{html.escape(self.action)}">{hidden}{fields}'
            f'<button type="submit">{html.escape(self.button)}</button></form>'
        )
        if self.links:
            parts.append(
                '<p class="links">' + "".join(_link(*link) for link in self.links) + "</p>"
            )
        return "\n".join(parts)


def message_page(
    title: str, text: str, *, status: int = 200, links: Sequence[tuple[str, str]] = ()
) -> HTMLResponse:
    """Answer with a page that says something and shows where to go next."""
    body = f"<p>{html.escape(text)}</p>" + "".join(_link(*link, "button") for link in links)
    return page(title, body, status=status)


def page(
    title: str, body: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """Answer with a page around an HTML body; no cache keeps it."""
    text = _PAGE.format(title=html.escape(title), icon=ICON_PATH, style=STYLE_PATH, body=body)
    kept = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY}
    return HTMLResponse(text, status_code=status, headers=kept | dict(headers or {}))


def _link(words: str, to: str, classes: str = "") -> str:
    named = f' class="{classes}"' if classes else ""
    return f'<a{named} href="{html.escape(to)}">{html.escape(words)}</a>'


def style_sheet() -> str:
    """Write the pages' style, in the colours and fonts of the Streamlit pages."""
    fonts = f"--font: {FONT}; --code-font: {CODE_FONT};"
    dark = f":root {{ color-scheme: dark; {_variables(DARK)} }}"
    return (
        f":root {{ color-scheme: light; {fonts} {_variables(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ {dark} }}\n{_STYLE.read_text()}"
    )


def _variables(palette: Palette) -> str:
    return " ".join(
        f"--{name.replace('_', '-')}: {value};" for name, value in vars(palette).items()
    )
