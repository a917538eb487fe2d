"""The API's answers: pydantic models made from the views, so that no field is written twice."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from fedota_server.webserver.views import Page

_PLAIN = (bool, int, float)
_ENTRY = re.compile(r"^(?P<names>\w+(?:, \w+)*)\n(?P<text>(?:    .*\n?)+)", re.MULTILINE)


@cache
def answer_model(view: Any, *without: str) -> type[BaseModel]:
    """Make the model of a view.

    Parameters
    ----------
    view
        A dataclass, or a `Page` of one.
    without
        Fields that are left out.

    Returns
    -------
    type
        Reads the view's attributes, and its properties that are plain numbers or truth values;
        descriptions are those of the view's docstring.
    """
    origin = get_origin(view)
    if origin is Page:
        (item,) = get_args(view)
        return _page_model(answer_model(item))
    described = _descriptions(view.__doc__ or "")
    hints = get_type_hints(view)
    made: dict[str, Any] = {
        field.name: (_translated(hints[field.name]), Field(description=described.get(field.name)))
        for field in fields(view)
        if field.name not in without
    }
    for name, told in vars(view).items():
        if isinstance(told, property) and get_type_hints(told.fget).get("return") in _PLAIN:
            made[name] = (get_type_hints(told.fget)["return"], Field(description=told.__doc__))
    return create_model(
        view.__name__.removesuffix("View"),
        __config__=ConfigDict(from_attributes=True),
        __doc__=(view.__doc__ or "").partition("\n")[0],
        **made,
    )


def page_of(items: Iterable[Any], offset: int, limit: int) -> Page[Any]:
    """Cut a page out of a list that is short enough to be read whole."""
    found = tuple(items)
    return Page(found[offset : offset + limit], len(found), offset, limit)


def _page_model(item: type[BaseModel]) -> type[BaseModel]:
    return create_model(
        f"{item.__name__}Page",
        __config__=ConfigDict(from_attributes=True),
        __doc__="A part of a list.",
        items=(list[item], Field(description="In the list's order.")),  # type: ignore[valid-type]
        total=(int, Field(description="Of the whole list.")),
        offset=(int, Field(description="Where in the list this part begins.")),
        limit=(int, Field(description="How many were asked for.")),
    )


def _translated(hint: Any) -> Any:
    """Put models in the place of the dataclasses in a type."""
    if is_dataclass(hint) and isinstance(hint, type):
        return answer_model(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return Union[tuple(_translated(argument) for argument in arguments)]  # noqa: UP007
    if origin is frozenset:  # in a fixed order
        return Annotated[list[_translated(arguments[0])], BeforeValidator(sorted)]  # type: ignore[misc]
    if origin is tuple and arguments[-1] is Ellipsis:
        return list[_translated(arguments[0])]  # type: ignore[misc]
    return hint


def _descriptions(docstring: str) -> dict[str, str]:
    """Read the Parameters of a NumPy docstring, by their names."""
    section = docstring.partition("Parameters\n")[2].partition("\n")[2]
    lines = "\n".join(line.removeprefix("    ") for line in section.splitlines()) + "\n"
    return {
        name: " ".join(entry["text"].split()).replace("``", "`")
        for entry in _ENTRY.finditer(lines)
        for name in entry["names"].split(", ")
    }
