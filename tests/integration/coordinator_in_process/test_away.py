"""A client that says that it is away is not waited for, and is admitted again when it is back."""

from __future__ import annotations

from .conftest import MakeWorld, toml_of
from .scripted_selector import AWAY_UNTIL_UNIX_S


async def test_a_round_does_not_wait_for_who_is_away(make_world: MakeWorld) -> None:
    """The deadline is a minute and so is the grace for dropped streams; neither is used up."""
    world = await make_world(toml_of(rounds=1))
    one = world.selector(1)
    await one.attach()
    one.slow.add(3)
    await one.join(1, 2, 3)
    await one.tasks.until(lambda task: task.node_id == 3)
    one.leave(3, reason="away")
    ended = await world.webserver.round_ended(1)
    assert (ended.admitted, ended.reported) == (3, 2)
    away = await world.webserver.events.until(
        lambda event: event.HasField("member") and event.member.change == "away"
    )
    assert (away.member.node_id, away.member.away_until_unix_s) == (3, AWAY_UNTIL_UNIX_S)


async def test_a_selection_does_not_count_who_is_away(make_world: MakeWorld) -> None:
    world = await make_world(toml_of(rounds=1))
    one = world.selector(1)
    await one.attach()
    await one.join(3)
    one.leave(3, reason="away")
    await one.join(1, 2)
    # Three are needed: the round begins only once the one that was away is back.
    await one.join(3)
    await one.task_of(3, 1)
    assert await world.webserver.round_ended(1)
