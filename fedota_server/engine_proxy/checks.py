"""Small judgements on the values of a request's body; each refuses in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from fedota_proto.errors import ForbiddenError

Check = Callable[[Any], None]


def refuse(what: str) -> ForbiddenError:
    """Make the refusal of something."""
    return ForbiddenError(f"The engine's proxy refuses {what}.")


def mapping_of(value: Any, name: str) -> Mapping[str, Any]:
    """Take a value as an object of JSON; nothing counts as an empty one.

    Raises
    ------
    ForbiddenError
        It is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refuse(f"{name}, which is no object")
    return value


def list_of(value: Any, name: str) -> list[Any]:
    """Take a value as a list of JSON; nothing counts as an empty one.

    Raises
    ------
    ForbiddenError
        It is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise refuse(f"{name}, which is no list")
    return value


def only(fields: Mapping[str, Any], checks: Mapping[str, Check], where: str) -> None:
    """Check each field, and let a field without a check pass only if it says nothing.

    What a later engine adds to its interface is so refused until it stands in the table.

    Raises
    ------
    ForbiddenError
        A field is refused.
    """
    for name, value in fields.items():
        check = checks.get(name)
        if check is not None:
            check(value)
        elif value not in (None, "", 0, False, [], {}):
            raise refuse(f"{where}{name}")


def anything(value: Any) -> None:
    """Let every value pass."""


def exactly(name: str, *allowed: Any) -> Check:
    """Make a check that lets only these values pass."""

    def check(value: Any) -> None:
        if not any(value == one and type(value) is type(one) for one in allowed):
            raise refuse(f"{name} {value!r}")

    return check


def text_in(name: str, allowed: Collection[str]) -> Check:
    """Make a check that lets only these texts pass."""

    def check(value: Any) -> None:
        if not isinstance(value, str) or value not in allowed:
            raise refuse(f"the {name} {value!r}")

    return check


def number(name: str, least: int, most: int) -> Check:
    """Make a check that lets whole numbers between two bounds pass, both included."""

    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise refuse(f"{name} {value!r}, which is not between {least} and {most}")

    return check


def texts(name: str, fits: Callable[[str], bool]) -> Check:
    """Make a check of a list of texts."""

    def check(value: Any) -> None:
        for one in list_of(value, name):
            if not isinstance(one, str) or not fits(one):
                raise refuse(f"{one!r} in {name}")

    return check
