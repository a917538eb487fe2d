"""Every refusal of an engine that an operator can mend says how."""

from __future__ import annotations

import pytest

from fedota_server.spawners.engine_words import divided, refusal

# As engines say it, and a word of the remedy.
SAID = [
    ("write /var/lib/docker/tmp/x: no space left on device", "free some space"),
    (
        "driver failed programming external connectivity on endpoint x: Bind for 0.0.0.0:20002 "
        "failed: port is already allocated",
        "ports.json",
    ),
    ("listen tcp4 0.0.0.0:20002: bind: address already in use", "ports.json"),
    (
        "could not find an available, non-overlapping IPv4 address pool among the defaults to "
        "assign to the network",
        "default-address-pools",
    ),
    ("Pool overlaps with other one on this address space", "FEDOTA_NETWORK_POOL"),
    ("invalid mount config for type: bind source path does not exist: /srv", "same path"),
    ('Conflict. The container name "/x" is already in use by container "y".', "rename it"),
    ("The engine's proxy refuses fedota-x, which is not this platform's.", "rename or remove"),
    ("The engine's proxy refuses HostConfig.Privileged.", "one release of both"),
]


@pytest.mark.parametrize(("said", "remedy"), SAID)
def test_what_can_be_mended_comes_with_its_remedy(said: str, remedy: str) -> None:
    told = refusal("start the container x", said)
    assert told.startswith(f"The Docker engine does not start the container x: {said.rstrip('.')}.")
    assert remedy in told
    what, do = divided(told)
    assert what == f"The Docker engine does not start the container x: {said.rstrip('.')}"
    assert remedy in do


def test_what_nobody_foresaw_is_told_as_it_is_said() -> None:
    told = refusal("start the container x", "the moon is full")
    assert told == "The Docker engine does not start the container x: the moon is full."
    assert divided(told) == (
        "The Docker engine does not start the container x",
        "The moon is full.",
    )


def test_our_own_sentences_are_divided_at_their_colon() -> None:
    assert divided("No engine answers: start it.") == ("No engine answers", "Start it.")
    assert divided("No engine answers.") == ("No engine answers.", "")
