"""What the kinds of data have in common."""

from __future__ import annotations

from fedota_proto.toml_reader import TableReader, shown

EXAMPLES_MAX = 1_000_000_000
CLASSES_MAX = 10_000
ALLOWED_MAX = 10_000
_CLASS_LONGEST = 200


def read_minimum_examples(reader: TableReader) -> int:
    """Read the fewest examples with which a holder may take part."""
    return reader.integer("minimum_examples", minimum=2, maximum=EXAMPLES_MAX, default=10)


def read_classes(reader: TableReader) -> tuple[str, ...]:
    """Read the classes of a kind that has a folder for each.

    Parameters
    ----------
    reader
        Of the section ``[data]``.

    Returns
    -------
    tuple of str
        In declared order; a class becomes its index here.
    """
    values = reader.list_of_values("classes")
    if not reader.fine("classes"):
        return ()
    names: list[str] = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, str | int):
            reader.wrong("classes", f"holds {shown(value)}; a class is the name of its folder")
            return ()
        names.append(str(value))
    if len(names) < 2:
        reader.wrong("classes", 'must list two classes or more, as ["cat", "dog"]')
        return tuple(names)
    for name in names:
        if not is_folder_name(name):
            reader.wrong(
                "classes",
                f"holds {shown(name)}, which can be no folder's name: give 1 to 200 visible "
                "characters without / and \\, and no dot or blank at either end",
            )
            return tuple(names)
    check_list(reader, "classes", names, CLASSES_MAX)
    return tuple(names)


def is_folder_name(name: str) -> bool:
    """Say whether a name can be that of a folder on every system."""
    return (
        0 < len(name) <= _CLASS_LONGEST
        and name.isprintable()
        and not set(name) & set("/\\:")
        and name == name.strip(". ")
    )


def check_list(
    reader: TableReader, key: str, values: list[str] | list[float], most: int = ALLOWED_MAX
) -> None:
    """Note a list that is too long, or lists a value twice."""
    if len(values) > most:
        reader.wrong(key, f"lists {len(values)} values, at most {most} are allowed")
        return
    seen: set[str | float] = set()
    for value in values:
        if value in seen:
            reader.wrong(key, f"lists {shown(value)} twice")
            return
        seen.add(value)
