"""Help pages as plain text."""

from __future__ import annotations

import click
from typer.core import TyperCommand


class PlainCommand(TyperCommand):
    """A command whose help page is plain text.

    Typer escapes brackets for rich wherever rich is installed, even where it writes no markup.
    """

    def get_help(self, ctx: click.Context) -> str:
        """Write the page without rich's escapes."""
        return super().get_help(ctx).replace("\\[", "[")
