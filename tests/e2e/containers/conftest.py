"""One platform by compose for all tests that need one: what they publish is their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from support.compose_platform import ComposePlatform, remove_left_over, skip_without_compose
from support.compose_problem import HOLDER, SETTER, ComposeProblem

MakeProblem = Callable[..., Awaitable[ComposeProblem]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def compose_platform(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[ComposePlatform]:
    """Start a platform with an administrator, a setter and a holder; it is healthy."""
    skip_without_compose()
    remove_left_over()
    # Small, so that taking all of it takes no time.
    limit = {"FEDOTA_LIMIT_COORDINATOR_MEMORY_BYTES": str(1 << 30)}
    platform = ComposePlatform(tmp_path_factory.mktemp("compose"), limit)
    try:
        await platform.start()
        await platform.people_it(**{SETTER: "setter", HOLDER: "holder"})
        yield platform
    finally:
        await platform.stop()


@pytest_asyncio.fixture
async def make_problem(compose_platform: ComposePlatform) -> AsyncIterator[MakeProblem]:
    """Publish problems that go when the test ends."""
    made: list[ComposeProblem] = []

    async def make(title: str, *, selectors: int = 1, **rules: int) -> ComposeProblem:
        problem = ComposeProblem(compose_platform, title, **rules)
        made.append(problem)
        await problem.publish(selectors)
        return problem

    yield make
    for problem in made:
        await problem.leave_nothing()
