"""What is said of a folder of pictures that does not keep its format."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedota_client.data.reading import read_examples
from fedota_proto.data_format import ImagesFormat
from fedota_proto.errors import DataError


def refused_pictures(place: Path, data_format: ImagesFormat) -> str:
    """Return what is said of data that is kept, and of data that is decoded when it is needed."""
    said = []
    for memory_bytes in (1 << 20, 0):
        with pytest.raises(DataError) as caught:
            read_examples(place, data_format, memory_bytes=memory_bytes)
        said.append(caught.value.public_message)
    assert said[0] == said[1]
    return said[0]
