"""What is said of a Swarm's nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import Role
from fedota_server.spawners.platform_place import PlatformPlace
from fedota_server.spawners.swarm_engine import Node, SwarmEngine
from fedota_server.spawners.swarm_look import look_at_swarm

HERE = Node("n1", "here", ready=True, active=True)
THERE = Node("n2", "there", ready=True, active=True)


class NodesAlone:
    """Knows some nodes, and gives each image a digest or none."""

    node_id = "n1"

    def __init__(self, nodes: list[Node], digest: str = "@sha256:1") -> None:
        self._nodes = nodes
        self._digest = digest

    def nodes(self) -> list[Node]:
        return self._nodes

    def pinned_image(self, image: str) -> str:
        return image + self._digest


class SilentManager(NodesAlone):
    """Answers nothing."""

    def nodes(self) -> list[Node]:
        raise ServerStartError("The Docker engine does not list the nodes.")


@pytest.fixture
def place() -> PlatformPlace:
    images: Mapping[Role, str] = dict.fromkeys(Role, "fedota/any")
    return PlatformPlace("unix:///nobody", "fedota", images, {}, "1:1", "0.0.0.0")  # noqa: S104


def words(engine: NodesAlone, place: PlatformPlace) -> list[str]:
    found = look_at_swarm(cast(SwarmEngine, engine), place)
    return [f"{'grave: ' if fault.grave else ''}{fault.what}" for fault in found]


def test_a_whole_swarm_is_no_fault(place: PlatformPlace) -> None:
    assert words(NodesAlone([HERE, THERE]), place) == []


def test_without_a_usable_node_nothing_runs(place: PlatformPlace) -> None:
    drained = Node("n1", "here", ready=True, active=False)
    assert words(NodesAlone([drained]), place) == [
        "grave: no node of the Swarm is ready and active"
    ]


def test_a_drained_home_cannot_be_connected(place: PlatformPlace) -> None:
    nodes = [Node("n1", "here", ready=True, active=False), THERE]
    (said,) = words(NodesAlone(nodes), place)
    assert said.startswith("grave: this node is drained")


def test_a_node_that_is_gone_and_images_that_do_not_travel_are_told(place: PlatformPlace) -> None:
    gone = Node("n3", "gone", ready=False, active=True)
    assert words(NodesAlone([HERE, THERE, gone], digest=""), place) == [
        "of the Swarm's nodes gone cannot be reached",
        "the images come from no registry, so each node must have them already",
    ]


def test_a_manager_that_does_not_answer_is_told(place: PlatformPlace) -> None:
    assert words(SilentManager([]), place) == ["grave: The Docker engine does not list the nodes."]
