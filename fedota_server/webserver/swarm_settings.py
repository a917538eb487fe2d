"""The webserver's settings that concern a Swarm alone."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from fedota_server.settings import FedotaSettings

_CONSTRAINT = re.compile(
    r"(node\.(id|hostname|role|platform\.(os|arch)|labels\.[\w.-]+)"
    r"|engine\.labels\.[\w.-]+)(==|!=)[\w.:/-]+"
)
_DESCRIPTOR = re.compile(r"(node|engine)\.labels\.[\w.-]+")


class SwarmSettings(FedotaSettings):
    """Which nodes of a Swarm run a platform's servers, and what connects them."""

    swarm_constraints: str = Field(
        default="",
        max_length=2_000,
        description="What must hold of every node that runs servers, between spaces, as "
        "node.labels.zone==a; as for docker service create --constraint.",
    )
    swarm_spread: str = Field(
        default="",
        max_length=2_000,
        description="Labels over whose values Swarm spreads servers, between spaces, as "
        "node.labels.rack.",
    )
    swarm_storage: Literal["here", "shared"] = Field(
        default="here",
        description="Where the platform's folder is: here, on the disk of this node, on which "
        "coordinators then stay; or shared, at the same path on every node.",
    )
    swarm_encrypted: bool = Field(
        default=False,
        description="Whether Swarm encrypts the networks below TLS too; every node's kernel needs "
        "ESP for it.",
    )

    @field_validator("swarm_constraints")
    @classmethod
    def _constraints(cls, text: str) -> str:
        for one in text.split():
            if not _CONSTRAINT.fullmatch(one):
                raise PydanticCustomError(
                    "constraint",
                    "{one} is no constraint: write it as node.labels.zone==a, without spaces",
                    {"one": one},
                )
        return text

    @field_validator("swarm_spread")
    @classmethod
    def _spread(cls, text: str) -> str:
        for one in text.split():
            if not _DESCRIPTOR.fullmatch(one):
                raise PydanticCustomError(
                    "spread", "{one} is no label: write it as node.labels.rack", {"one": one}
                )
        return text
