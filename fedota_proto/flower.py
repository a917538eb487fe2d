"""Flower's ``RecordDict`` <-> records; imported by the coordinator and the client alone."""

from __future__ import annotations

from typing import Any, cast

from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from fedota_proto.errors import StreamError
from fedota_proto.records import ArrayBytes, Records
from fedota_proto.values import Entries


def records_from_flower(content: RecordDict) -> Records:
    """Take over a message's content; the bytes of its arrays are shared, not copied.

    Parameters
    ----------
    content
        Of a Flower message.

    Returns
    -------
    Records
        The same records, arrays and values in the same order.
    """
    records = Records(order=list(content))
    for name, record in content.items():
        if isinstance(record, ArrayRecord):
            records.arrays[name] = {
                key: ArrayBytes(array.dtype, tuple(array.shape), array.stype, array.data)
                for key, array in record.items()
            }
        elif isinstance(record, MetricRecord):
            records.metrics[name] = cast("Entries", dict(record))
        else:
            records.config[name] = cast("Entries", dict(record))
    return records


def records_to_flower(records: Records, *, views: bool = False) -> RecordDict:
    """Give records the form in which Flower's strategies and apps know them.

    Parameters
    ----------
    records
        As they came from a payload.
    views
        Let Flower's arrays hold views where the records do. What reads arrays by ``numpy()`` or
        their ``data`` works with them, as Flower's own strategies do; what copies them through
        ``ArrayRecord(dict)``, ``copy.deepcopy`` or ``pickle`` does not, as an app may. Without it
        views are copied to ``bytes`` once.

    Returns
    -------
    RecordDict
        The same records, arrays and values in the same order.

    Raises
    ------
    StreamError
        If two records share a name, or a value is one that Flower's records do not hold.
    """
    names = records.names()
    if len(set(names)) != len(names):
        raise StreamError("Two records of one message have the same name.")
    content = RecordDict()
    try:
        for name in names:
            if name in records.arrays:
                record = ArrayRecord()
                for key, array in records.arrays[name].items():
                    record[key] = _array_to_flower(array, views)
                content[name] = record
            elif name in records.metrics:
                content[name] = MetricRecord(_values(records.metrics[name]))
            else:
                content[name] = ConfigRecord(_values(records.config[name]))
    except TypeError as error:
        raise StreamError(
            "A record holds a value that Flower does not know.", detail=str(error)
        ) from error
    return content


def _array_to_flower(array: ArrayBytes, views: bool) -> Array:
    data = array.data
    if not views and not isinstance(data, bytes):
        data = bytes(data)
    if isinstance(data, bytes):
        return Array(dtype=array.dtype, shape=array.shape, stype=array.stype, data=data)
    made = Array(dtype=array.dtype, shape=array.shape, stype=array.stype, data=b"")
    made.data = cast("bytes", data)
    return made


def _values(entries: Entries) -> dict[str, Any]:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in entries.items()}
