"""Flower apps on the Grid: their own strategies and loops, new and old, unmodified."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from fedota_proto.records import ArrayBytes, Records

from .conftest import World
from .scripted_selector import ScriptedSelector, ScriptedTask, trained, weight_of

PROJECT = """
[tool.flwr.app.components]
serverapp = "{module}:app"
[tool.flwr.app.config]
rounds = 2
out = ""
"""
FEDAVG = """
    import json
    from pathlib import Path
    import numpy as np
    from flwr.app import Array, ArrayRecord, ConfigRecord
    from flwr.serverapp import ServerApp
    from flwr.serverapp.strategy import FedAvg

    app = ServerApp()

    @app.main()
    def main(grid, context):
        start = np.array([1.0, 2.0, 3.0], np.float32)
        result = FedAvg().start(
            grid=grid,
            initial_arrays=ArrayRecord({"w": Array(start)}),
            num_rounds=context.run_config["rounds"],
        )
        Path(context.run_config["out"]).write_text(json.dumps({
            "w": result.arrays["w"].numpy().tolist(),
            "train": {k: dict(v) for k, v in result.train_metrics_clientapp.items()},
            "evaluate": {k: dict(v) for k, v in result.evaluate_metrics_clientapp.items()},
        }))
"""
START = {"w": np.array([1.0, 2.0, 3.0], np.float32)}


@pytest.fixture(autouse=True)
def _path() -> Iterator[None]:
    """Loading an app puts its folder on the import path for good; here, for one test."""
    before = list(sys.path)
    yield
    sys.path[:] = before


class AppSelector(ScriptedSelector):
    """Answers `query` messages with what it was asked."""

    def answer(self, task: ScriptedTask) -> None:
        if not task.message_type.startswith("query"):
            super().answer(task)
            return
        asked = {name: dict(values) for name, values in task.records.config.items()}
        reply = Records(metrics={"about": {"node": task.node_id}}, config=asked)
        self._forward(task, reply)


async def installed(
    world: World, name: str, code: str, *, mean: bool = False, nodes: int = 3
) -> Path:
    """Write an app and start it; returns where it writes its result."""
    app = world.folder / "app"
    app.mkdir()
    project = PROJECT.format(module=name)
    if mean:
        project += '[tool.fedota]\naggregation = "mean"\n'
    (app / "pyproject.toml").write_text(project)
    (app / f"{name}.py").write_text(dedent(code))
    out = world.folder / "result.json"
    world.install_app(nodes, run_config=f'out="{out}"')
    await world.start(exit_when_finished=True)
    return out


async def attached(world: World, number: int, *nodes: int) -> AppSelector:
    selector = AppSelector(world.keys, number, world.port)
    world.selectors.append(selector)
    await selector.attach()
    await selector.join(*nodes)
    return selector


def expected(rounds: int, *nodes: int) -> np.ndarray:
    model = START
    for server_round in range(1, rounds + 1):
        updates = [trained(node, server_round, model)["w"].astype(np.float64) for node in nodes]
        mean = np.average(updates, axis=0, weights=[weight_of(node) for node in nodes])
        model = {"w": mean.astype(np.float32)}
    return model["w"]


@pytest.mark.parametrize("mean", [False, True])
async def test_a_stock_strategy_runs_unmodified(app_world: World, mean: bool) -> None:
    name = f"stock_{mean}".lower()
    out = await installed(app_world, name, FEDAVG, mean=mean)
    one = await attached(app_world, 1, 1, 2)
    await attached(app_world, 2, 3)
    assert await app_world.ended()
    result = json.loads(out.read_text())
    np.testing.assert_allclose(result["w"], expected(2, 1, 2, 3), rtol=1e-6)
    assert [task.mean for task in one.tasks.items if task.message_type == "train"] == [mean] * 4
    assert result["train"] == {"1": {"loss": 1.0}, "2": {"loss": 1.0}}
    assert set(result["evaluate"]["2"]) == {"loss", "accuracy"}
    await app_world.webserver.state("completed")
    await one.messages.until(lambda m: m.HasField("finished"))


OWN_LOOP = """
    import json
    from pathlib import Path
    import time
    from flwr.app import ConfigRecord, Message, RecordDict
    from flwr.serverapp import ServerApp

    app = ServerApp()

    @app.main()
    def main(grid, context):
        nodes = sorted(grid.get_node_ids())
        assert sorted(info.node_id for info in grid.get_nodes()) == nodes

        def ask(question, ids):
            content = RecordDict({"ask": ConfigRecord({"question": question})})
            return [Message(content, dst_node_id=n, message_type="query.size") for n in ids]

        replies = grid.send_and_receive(ask("one", [*nodes, 999]), timeout=20)
        answers = {r.metadata.src_node_id: r.has_error() for r in replies}
        ids = list(grid.push_messages(ask("two", nodes)))
        pulled, until = [], time.monotonic() + 20
        while len(pulled) < len(ids) and time.monotonic() < until:
            pulled += grid.pull_messages(ids)
            time.sleep(0.01)
        assert not list(grid.pull_messages(ids))
        made = grid.create_message(RecordDict(), "query", nodes[0], "group", ttl=20.0)
        (last,) = grid.send_and_receive([made])
        Path(context.run_config["out"]).write_text(json.dumps({
            "answers": answers,
            "pulled": sorted(r.content["about"]["node"] for r in pulled),
            "question": [r.content["ask"]["question"] for r in pulled],
            "replied": [r.metadata.reply_to_message_id in ids for r in pulled],
            "last": [last.metadata.src_node_id, last.metadata.group_id],
            "run": grid.run.run_id == context.run_id,
        }))
"""


async def test_an_app_with_messages_and_a_loop_of_its_own(app_world: World) -> None:
    out = await installed(app_world, "own_loop", OWN_LOOP)
    await attached(app_world, 1, 1, 2)
    await attached(app_world, 2, 3)
    assert await app_world.ended()
    result = json.loads(out.read_text())
    assert result["answers"] == {"1": False, "2": False, "3": False, "999": True}
    assert result["pulled"] == [1, 2, 3]
    assert result["question"] == ["two"] * 3
    assert result["replied"] == [True] * 3
    assert result["last"] == [1, "group"]
    assert result["run"]


OLD = """
    import json
    from pathlib import Path
    import warnings
    import numpy as np
    from flwr.common import ndarrays_to_parameters
    from flwr.server import ServerApp, ServerAppComponents, ServerConfig
    from flwr.server.strategy import FedAvg

    def server_fn(context):
        out = context.run_config["out"]

        class Counting(FedAvg):
            def aggregate_fit(self, server_round, results, failures):
                with open(out, "a") as file:
                    file.write(f"{server_round}:{len(results)}:{len(failures)} ")
                return super().aggregate_fit(server_round, results, failures)

        strategy = Counting(
            fraction_evaluate=0.0,
            min_available_clients=3,
            initial_parameters=ndarrays_to_parameters([np.zeros(2, np.float32)]),
        )
        config = ServerConfig(num_rounds=2)
        return ServerAppComponents(strategy=strategy, config=config)

    app = ServerApp(server_fn=server_fn)
"""


class OldSelector(AppSelector):
    """Answers an old app's fit instructions, whose records have other names."""

    def answer(self, task: ScriptedTask) -> None:
        arrays = {
            "fitres.parameters": {
                name: ArrayBytes(a.dtype, a.shape, a.stype, a.data)
                for name, a in task.records.arrays["fitins.parameters"].items()
            }
        }
        reply = Records(
            arrays=arrays,
            metrics={"fitres.num_examples": {"num_examples": 10}},
            config={
                "fitres.metrics": {},
                "fitres.status": {"code": 0, "message": "Success"},
            },
        )
        self._forward(task, reply)


@pytest.mark.filterwarnings("ignore")
async def test_an_old_app_that_asks_from_a_second_thread(app_world: World) -> None:
    out = await installed(app_world, "old_app", OLD)
    selector = OldSelector(app_world.keys, 1, app_world.port)
    app_world.selectors.append(selector)
    await selector.attach()
    await selector.join(1, 2, 3)
    assert await app_world.ended()
    assert out.read_text() == "1:3:0 2:3:0 "
    # One content for all three, though each message is sent from a thread of its own.
    assert [size > 0 for size in selector.travelled][1:3] == [False, False]


FAILING = """
    from flwr.serverapp import ServerApp

    app = ServerApp()

    @app.main()
    def main(grid, context):
        list(grid.get_node_ids())
        raise RuntimeError("no luck today")
"""


async def test_an_app_that_fails_is_told_as_failed(app_world: World) -> None:
    await installed(app_world, "failing", FAILING, nodes=1)
    one = await attached(app_world, 1, 1)
    assert not await app_world.ended()
    failed = await app_world.webserver.state("failed")
    assert failed.reason == "The app failed: RuntimeError: no luck today"
    assert failed.failure_id
    await one.messages.until(lambda m: m.HasField("finished"))


async def test_commands_for_rounds_are_refused_in_one_sentence(app_world: World) -> None:
    await installed(app_world, "waits", FAILING, nodes=2)
    await attached(app_world, 1, 1)
    reply = await app_world.webserver.command(pause=True)
    assert not reply.done
    assert "keeps its own loop" in reply.message


VANISHING = """
    import json
    from pathlib import Path
    from flwr.app import ConfigRecord, Message, RecordDict
    from flwr.serverapp import ServerApp

    app = ServerApp()

    @app.main()
    def main(grid, context):
        def ask(ids):
            content = RecordDict({"ask": ConfigRecord({"question": "?"})})
            return [Message(content, dst_node_id=n, message_type="query") for n in ids]

        first = list(grid.get_node_ids())
        grid.send_and_receive(ask(first[:1]))
        # The list is another once the replies are in, and fixed until the next are.
        second = list(grid.get_node_ids())
        assert list(grid.get_node_ids()) == second
        replies = grid.send_and_receive(ask(second))
        Path(context.run_config["out"]).write_text(json.dumps([
            sorted(first), sorted(second),
            sorted(r.metadata.src_node_id for r in replies if r.has_error()),
        ]))
"""


async def test_a_node_that_goes_while_it_works_comes_back_as_an_error(app_world: World) -> None:
    out = await installed(app_world, "vanishing", VANISHING, nodes=2)
    one = await attached(app_world, 1)
    one.slow.add(2)
    await one.join(1, 2)
    await one.tasks.until(lambda task: task.node_id == 2)
    one.leave(2, reason="stopping")
    assert await app_world.ended()
    assert json.loads(out.read_text()) == [[1, 2], [1, 2], [2]]
