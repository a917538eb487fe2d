"""A pool of addresses as a setting writes it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from fedota_proto.errors import UsageError
from fedota_server.spawners.address_pool import AddressPool


def _a_range(text: str) -> str:
    try:
        AddressPool.parse(text)
    except UsageError as error:
        raise PydanticCustomError("range", "{why}", {"why": error.public_message}) from None
    return text


PoolSetting = Annotated[str, AfterValidator(_a_range)]
