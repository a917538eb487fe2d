"""What several tests compare."""

from __future__ import annotations

import numpy as np

from support.updates import mean_update
from support.world import Member, World


def assert_is_mean_of(world: World, server_round: int, *members: Member) -> None:
    """Compare a round's model with the mean of these members' updates of the round before."""
    before = world.arrays(server_round - 1) if server_round > 1 else world.initial()
    weights = {member.seed: member.weight for member in members}
    expected = mean_update(before, weights, server_round)
    found = world.arrays(server_round)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-6, err_msg=name)
        assert found[name].dtype == np.float32


def assert_same_bits(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Compare models to the last bit."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes(), name
