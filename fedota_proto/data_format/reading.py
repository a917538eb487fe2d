"""The section ``[data]``, whatever its kind."""

from __future__ import annotations

from fedota_proto.data_format.arrays import ArraysFormat, read_arrays_format
from fedota_proto.data_format.common import read_minimum_examples
from fedota_proto.data_format.images import ImagesFormat, read_images_format
from fedota_proto.data_format.table import TableFormat, read_table_format
from fedota_proto.data_format.text import TextFormat, read_text_format
from fedota_proto.toml_reader import TableReader

DataFormat = TableFormat | ImagesFormat | TextFormat | ArraysFormat
KINDS = ("table", "images", "text", "arrays")
_ELSEWHERE = {
    "columns": 'columns are those of kind = "table"; a text in a cell is a column of type "text"',
    "classes": 'classes are folders of kind = "images" or "text"; a table has a target column',
    "targets": 'targets are columns of the labels of kind = "images"; a column or array of another '
    "kind has target = true",
    "arrays": 'arrays are those of kind = "arrays"',
}


def read_data_format(reader: TableReader) -> DataFormat:
    """Read the section ``[data]``.

    Parameters
    ----------
    reader
        The section; every mistake is noted there.

    Returns
    -------
    DataFormat
        The format, with defaults filled in; not to be used if there was a mistake.
    """
    kind = reader.choice("kind", KINDS, default="table")
    if not reader.fine("kind"):
        # What a section of another kind must hold is not known.
        stand_in = TableFormat(read_minimum_examples(reader), ())
        reader.finish(judge_unknown=False)
        return stand_in
    found: DataFormat
    if kind == "images":
        found = read_images_format(reader)
    elif kind == "text":
        found = read_text_format(reader)
    elif kind == "arrays":
        found = read_arrays_format(reader)
    else:
        found = read_table_format(reader)
    reader.finish({k: v for k, v in _ELSEWHERE.items() if k not in reader.known_keys})
    return found
