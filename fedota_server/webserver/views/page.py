"""A part of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Page(Generic[_Item]):
    """Some entries of a list, and how many there are in all.

    Parameters
    ----------
    items
        In the list's order.
    total
        Of the whole list.
    offset, limit
        Which were asked for.
    """

    items: tuple[_Item, ...]
    total: int
    offset: int
    limit: int

    @property
    def has_more(self) -> bool:
        """Whether there are entries behind these."""
        return self.offset + len(self.items) < self.total
