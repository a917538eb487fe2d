"""The form that a data holder's data must have: the section ``[data]`` of problem.toml.

::

    kind = "table"     rows of declared columns, in CSV or Parquet files
    kind = "images"    a folder of PNG or JPEG files for each class, or such files and their labels
    kind = "text"      a folder of text files for each class
    kind = "arrays"    .npz files of named arrays

A text in one cell of a table is a column of type ``text``.
"""

from fedota_proto.data_format.arrays import ARRAY_DTYPES, ArraysFormat, DeclaredArray
from fedota_proto.data_format.columns import COLUMN_TYPES, COLUMNS_MAX, Column, ColumnType
from fedota_proto.data_format.common import CLASSES_MAX, EXAMPLES_MAX
from fedota_proto.data_format.format_file import FormatFile, read_format_file
from fedota_proto.data_format.images import ImagesFormat
from fedota_proto.data_format.reading import KINDS, DataFormat, read_data_format
from fedota_proto.data_format.table import TableFormat
from fedota_proto.data_format.text import TextFormat

__all__ = [
    "ARRAY_DTYPES",
    "CLASSES_MAX",
    "COLUMNS_MAX",
    "COLUMN_TYPES",
    "EXAMPLES_MAX",
    "KINDS",
    "ArraysFormat",
    "Column",
    "ColumnType",
    "DataFormat",
    "DeclaredArray",
    "FormatFile",
    "ImagesFormat",
    "TableFormat",
    "TextFormat",
    "read_data_format",
    "read_format_file",
]
