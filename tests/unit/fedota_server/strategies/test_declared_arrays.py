"""What the wrapper keeps from a strategy, and what it refuses to take from one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp.exception import AggregationError

from fedota_proto.errors import StrategyError
from fedota_proto.manifest import Manifest, ManifestArray
from fedota_proto.npy import npy_header
from fedota_proto.problem import strategy_table
from fedota_server.strategies.build import build_strategy
from fedota_server.strategies.declared_arrays import DeclaredArrays
from fedota_server.strategies.state import strategy_state

NAMES = tuple(strategy_table())
AVERAGING = ("FedAvg", "FedProx", "FedAvgM", "FedAdam", "FedAdagrad", "FedYogi", "QFedAvg")
OPTIMIZERS = ("FedAvgM", "FedAdam", "FedAdagrad", "FedYogi", "QFedAvg")


def built(lab: Any, name: str) -> DeclaredArrays:
    return build_strategy(lab.problem(name), lab.manifest)


def replies_of(lab: Any, strategy: Any, server_round: int = 1) -> list[Message]:
    updates = lab.updates(lab.model(), seed=server_round)
    messages = lab.configure(strategy, server_round, lab.record(lab.model()), range(1, 8))
    return [lab.reply(m, u) for m, u in zip(messages, updates, strict=True)]


class TestConfigure:
    @pytest.mark.parametrize("name", NAMES)
    def test_messages_carry_the_whole_model_in_declared_order(self, lab: Any, name: str) -> None:
        strategy = built(lab, name)
        record = lab.record(lab.model(), reversed(lab.manifest.names))

        messages = lab.configure(strategy, 3, record, [5, 6])

        assert [m.metadata.dst_node_id for m in messages] == [5, 6]
        sent = messages[0].content["arrays"]
        assert list(sent) == list(lab.manifest.names)
        assert all(sent[name] is record[name] for name in sent)
        assert messages[0].content["config"]["server-round"] == 3
        assert messages[1].content is messages[0].content

    def test_fedprox_adds_its_proximal_term(self, lab: Any) -> None:
        messages = lab.configure(built(lab, "FedProx"), 1, lab.record(lab.model()), [5])

        assert messages[0].content["config"]["proximal-mu"] == 0.1

    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_the_strategy_is_given_the_trainable_arrays_alone(self, lab: Any, name: str) -> None:
        strategy = built(lab, name)
        lab.configure(strategy, 1, lab.record(lab.model()), [5])

        current = strategy_state(strategy).parts["current_arrays"]

        assert list(current or {}) == list(lab.manifest.trainable_names)

    def test_evaluation_carries_the_whole_model(self, lab: Any) -> None:
        record = lab.record(lab.model(), reversed(lab.manifest.names))

        messages = lab.evaluate(built(lab, "FedAdam"), 2, record, [5, 6])

        assert list(messages[0].content["arrays"]) == list(lab.manifest.names)
        assert messages[0].content["config"]["server-round"] == 2

    def test_a_missing_array_is_named(self, lab: Any) -> None:
        record = lab.record(lab.model(), lab.manifest.names[1:])

        with pytest.raises(StrategyError, match="lack layers/normal/vars/0"):
            lab.configure(built(lab, "FedAvg"), 1, record, [5])

    def test_messages_without_a_shared_content_keep_their_own(
        self, lab: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        strategy = built(lab, "FedAdam")

        def one_content_each(
            server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Any
        ) -> Any:
            for node_id in grid.get_node_ids():
                mine = ConfigRecord({"node": node_id})
                yield Message(RecordDict({"arrays": arrays, "config": mine}), node_id, "train")

        monkeypatch.setattr(strategy.strategy, "configure_train", one_content_each)
        messages = lab.configure(strategy, 1, lab.record(lab.model()), range(1, 30))

        assert [m.content["config"]["node"] for m in messages] == list(range(1, 30))
        assert all(list(m.content["arrays"]) == list(lab.manifest.names) for m in messages)


class TestAggregate:
    @pytest.mark.parametrize("name", AVERAGING)
    def test_non_trainables_are_plain_weighted_means(self, lab: Any, name: str) -> None:
        strategy = built(lab, name)
        updates = lab.updates(lab.model(), seed=4)
        messages = lab.configure(strategy, 1, lab.record(lab.model()), range(1, 8))

        record, _ = strategy.aggregate_train(
            1, [lab.reply(m, u) for m, u in zip(messages, updates, strict=True)]
        )

        total = sum(u.weight for u in updates)
        for array_name in lab.non_trainable:
            mean = sum(u.arrays[array_name].astype(float) * u.weight for u in updates) / total
            np.testing.assert_allclose(record[array_name].numpy(), mean, rtol=1e-6)
        assert np.all(record[lab.variance].numpy() > 0)

    @pytest.mark.parametrize("name", NAMES)
    def test_neither_replies_nor_what_was_sent_are_changed(self, lab: Any, name: str) -> None:
        strategy = built(lab, name)
        replies = replies_of(lab, strategy)
        before = [
            (r.content, dict(r.content["arrays"]), dict(r.content["metrics"])) for r in replies
        ]

        record, _ = strategy.aggregate_train(1, replies)
        record.clear()
        strategy.aggregate_train(1, replies_of(lab, strategy, server_round=2))

        for reply, (content, arrays, metrics) in zip(replies, before, strict=True):
            assert reply.content is content
            assert dict(content["arrays"]) == arrays
            assert dict(content["metrics"]) == metrics

    def test_the_strategys_own_record_is_not_changed(self, lab: Any) -> None:
        strategy = built(lab, "FedAvgM")
        record, _ = strategy.aggregate_train(1, replies_of(lab, strategy))
        inner: Any = strategy.strategy

        assert list(inner.current_arrays) == list(lab.manifest.trainable_names)
        assert inner.current_arrays is not record

    @pytest.mark.parametrize("name", NAMES)
    def test_a_reply_reaches_the_strategy_with_its_weight_alone_and_the_loss_where_used(
        self, lab: Any, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        strategy = built(lab, name)
        replies = replies_of(lab, strategy)
        seen: list[Message] = []
        aggregate = strategy.strategy.aggregate_train

        def look(server_round: int, given: Any) -> Any:
            seen.extend(given)
            assert [list(r.content["metrics"]) for r in given] == [
                ["num-examples", "loss"] if name == "QFedAvg" else ["num-examples"]
            ] * len(given)
            through = lab.manifest.trainable_names if name in AVERAGING else lab.manifest.names
            assert all(list(r.content["arrays"]) == list(through) for r in given)
            return aggregate(server_round, given)

        monkeypatch.setattr(strategy.strategy, "aggregate_train", look)
        _, metrics = strategy.aggregate_train(1, replies)

        assert [r.metadata for r in seen] == [r.metadata for r in replies]
        assert set(metrics) == {"loss", "accuracy"}

    @pytest.mark.parametrize("name", NAMES)
    def test_replies_may_hold_views_and_the_model_holds_none(self, lab: Any, name: str) -> None:
        """A view of one array keeps the buffer alive in which a whole update came."""
        strategy, other = built(lab, name), built(lab, name)
        replies = replies_of(lab, strategy)
        if strategy_table()[name].aggregation == "mean":
            replies = replies[:1]
        expected, _ = strategy.aggregate_train(1, replies)
        replies_of(lab, other)
        for reply in replies:
            for array in reply.content.array_records["arrays"].values():
                array.data = memoryview(array.data)  # type: ignore[assignment]

        record, _ = other.aggregate_train(1, replies)

        assert all(isinstance(array.data, bytes) for array in record.values())
        assert {n: a.data for n, a in record.items()} == {n: a.data for n, a in expected.items()}

    def test_error_replies_reach_the_strategy_as_they_are(
        self, lab: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        strategy = built(lab, "FedAvg")
        replies = replies_of(lab, strategy)
        error = lab.error_reply(lab.configure(strategy, 1, lab.record(lab.model()), [9])[0])
        seen: list[Message] = []
        aggregate = strategy.strategy.aggregate_train

        def look(server_round: int, given: Any) -> Any:
            seen.extend(given)
            return aggregate(server_round, given)

        monkeypatch.setattr(strategy.strategy, "aggregate_train", look)
        strategy.aggregate_train(1, [error, *replies])

        assert [m for m in seen if m.has_error()] == [error]
        assert len(seen) == 8

    def test_a_missing_loss_is_an_error(self, lab: Any) -> None:
        strategy = built(lab, "QFedAvg")
        updates = lab.updates(lab.model(), seed=1)
        messages = lab.configure(strategy, 1, lab.record(lab.model()), range(1, 8))
        replies = [lab.reply(m, u, metrics=[]) for m, u in zip(messages, updates, strict=True)]

        with pytest.raises(StrategyError, match="loss"):
            strategy.aggregate_train(1, replies)

    @pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
    def test_a_weight_that_is_none_is_an_error(self, lab: Any, weight: float) -> None:
        strategy = built(lab, "FedAvg")
        replies = replies_of(lab, strategy)
        replies[0].content.metric_records["metrics"]["num-examples"] = weight

        with pytest.raises(StrategyError, match="num-examples"):
            strategy.aggregate_train(1, replies)

    def test_no_reply_at_all_is_no_model(self, lab: Any) -> None:
        strategy = built(lab, "FedAvg")
        message = lab.configure(strategy, 1, lab.record(lab.model()), [5])[0]

        with pytest.raises(StrategyError, match="returned no model"):
            strategy.aggregate_train(1, [lab.error_reply(message)])

    def test_bulyan_with_too_few_reports_is_no_model(self, lab: Any) -> None:
        strategy = built(lab, "Bulyan")

        with pytest.raises(StrategyError, match="Bulyan returned no model in round 1 from 6"):
            strategy.aggregate_train(1, replies_of(lab, strategy)[:6])

    def test_qfedavg_turned_to_nan_by_a_negative_loss_is_refused(self, lab: Any) -> None:
        strategy = built(lab, "QFedAvg")
        replies = replies_of(lab, strategy)
        replies[2].content.metric_records["metrics"]["loss"] = -1.0
        before = strategy_state(strategy)

        with pytest.raises(StrategyError, match="not finite"):
            strategy.aggregate_train(1, replies)

        assert_state(strategy, before)


def assert_state(strategy: Any, expected: Any) -> None:
    found = strategy_state(strategy)
    assert found.outline() == expected.outline()
    assert {k: a.tobytes() for k, a in found.tensors().items()} == {
        k: a.tobytes() for k, a in expected.tensors().items()
    }


class TestMisbehavingStrategy:
    """Each has run its own aggregation, and changed its state, before it fails."""

    def misbehave(
        self, lab: Any, name: str, monkeypatch: pytest.MonkeyPatch, result: Any
    ) -> tuple[DeclaredArrays, list[Message]]:
        strategy = built(lab, name)
        strategy.aggregate_train(1, replies_of(lab, strategy))
        aggregate = strategy.strategy.aggregate_train

        def spoil(server_round: int, given: Any) -> Any:
            record, metrics = aggregate(server_round, given)
            return result(record), metrics

        replies = replies_of(lab, strategy, server_round=2)
        monkeypatch.setattr(strategy.strategy, "aggregate_train", spoil)
        return strategy, replies

    def check(self, strategy: DeclaredArrays, replies: list[Message], match: str) -> None:
        before = strategy_state(strategy)
        with pytest.raises(StrategyError, match=match):
            strategy.aggregate_train(2, replies)
        assert_state(strategy, before)

    @pytest.mark.parametrize("name", OPTIMIZERS)
    @pytest.mark.parametrize(
        "error",
        [AggregationError("no"), ValueError("no"), ZeroDivisionError("no"), KeyError("no")],
        ids=repr,
    )
    def test_raises(
        self, lab: Any, name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def raising(record: Any) -> Any:
            raise error

        self.check(
            *self.misbehave(lab, name, monkeypatch, raising),
            match=f"{name} could not aggregate round 2: .*no.*the model is unchanged",
        )

    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_returns_none(self, lab: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        spoiled = self.misbehave(lab, name, monkeypatch, lambda record: None)

        self.check(*spoiled, match=f"{name} returned no model in round 2 from 7 reports")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_returns_what_is_not_finite(
        self, lab: Any, name: str, value: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def spoiled(record: ArrayRecord) -> ArrayRecord:
            array = record["layers/dense/vars/0"].numpy()
            array[2, 1] = value
            record["layers/dense/vars/0"] = Array(array)
            return record

        self.check(
            *self.misbehave(lab, name, monkeypatch, spoiled),
            match="values of layers/dense/vars/0 that are not finite",
        )

    def test_returns_what_overflows_its_declared_dtype(
        self, lab: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def spoiled(record: ArrayRecord) -> ArrayRecord:
            record["layers/dense/vars/1"] = Array(np.asarray(1e39))
            return record

        self.check(
            *self.misbehave(lab, "FedAdam", monkeypatch, spoiled),
            match="values of layers/dense/vars/1 that are not finite",
        )

    def test_returns_another_shape(self, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def spoiled(record: ArrayRecord) -> ArrayRecord:
            record["layers/normal/vars/0"] = Array(np.zeros((1, 3), np.float32))
            return record

        self.check(
            *self.misbehave(lab, "FedAdam", monkeypatch, spoiled), match=r"with shape \(1, 3\)"
        )

    def test_returns_other_arrays(self, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def spoiled(record: ArrayRecord) -> ArrayRecord:
            record["more"] = record.pop("layers/a/vars/0")
            return record

        self.check(
            *self.misbehave(lab, "FedAdam", monkeypatch, spoiled),
            match="other arrays than it was given: layers/a/vars/0, more",
        )

    def test_the_next_round_goes_on_from_the_restored_state(
        self, lab: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            strategy, replies = self.misbehave(lab, "FedAdam", patch, lambda record: None)
            with pytest.raises(StrategyError):
                strategy.aggregate_train(2, replies)
        calm = built(lab, "FedAdam")
        calm.aggregate_train(1, replies_of(lab, calm))

        again, _ = strategy.aggregate_train(2, replies_of(lab, strategy, server_round=2))
        expected, _ = calm.aggregate_train(2, replies_of(lab, calm, server_round=2))

        assert {n: a.data for n, a in again.items()} == {n: a.data for n, a in expected.items()}


class TestEvaluate:
    def test_folds_replies_with_different_metrics(self, lab: Any) -> None:
        strategy = built(lab, "FedAdam")
        messages = lab.evaluate(strategy, 1, lab.record(lab.model()), [1, 2, 3])
        replies = [
            lab.metrics_reply(messages[0], 1, {"loss": 1.0, "auc": 0.5}),
            lab.metrics_reply(messages[1], 3, {"loss": 2.0}),
            lab.error_reply(messages[2]),
        ]

        metrics = strategy.aggregate_evaluate(1, replies)

        assert metrics == MetricRecord({"loss": 1.75, "auc": 0.5})

    def test_nobody_is_nothing(self, lab: Any) -> None:
        strategy = built(lab, "FedAdam")
        message = lab.evaluate(strategy, 1, lab.record(lab.model()), [1])[0]

        assert strategy.aggregate_evaluate(1, [lab.error_reply(message)]) is None

    def test_a_reply_without_metrics_is_an_error(self, lab: Any) -> None:
        strategy = built(lab, "FedAvg")
        message = lab.evaluate(strategy, 1, lab.record(lab.model()), [1])[0]

        with pytest.raises(StrategyError, match="evaluation of round 1"):
            strategy.aggregate_evaluate(1, [Message(RecordDict(), reply_to=message)])


class TestDtypes:
    """Arrays that numpy saves otherwise than they travel, or cannot compute with."""

    def aggregate(
        self, name: str, lab: Any, declared: ManifestArray, updates: list[Array]
    ) -> ArrayRecord:
        manifest = Manifest(arrays=(declared,))
        strategy = build_strategy(lab.problem(name), manifest)
        record = ArrayRecord({declared.name: updates[0]})
        messages = lab.configure(strategy, 1, record, range(1, len(updates) + 1))
        assert messages[0].content["arrays"][declared.name] is record[declared.name]
        replies = [
            Message(
                RecordDict(
                    {
                        "arrays": ArrayRecord({declared.name: array}),
                        "metrics": MetricRecord({"num-examples": 1, "loss": 1.0}),
                    }
                ),
                reply_to=message,
            )
            for message, array in zip(messages, updates, strict=True)
        ]
        result, _ = strategy.aggregate_train(1, replies)
        return result

    @pytest.mark.parametrize("name", NAMES)
    def test_bfloat16_is_computed_as_float32_and_rounded_to_the_nearest(
        self, lab: Any, name: str
    ) -> None:
        rng = np.random.default_rng(3)
        bits = [np.array(rng.integers(0x3F80, 0x3FFF, size=4), "<u2") for _ in range(7)]
        halves = [
            Array("bfloat16", (4,), "numpy.ndarray", Array(one.view("V2")).data) for one in bits
        ]
        wide = [Array((one.astype("<u4") << 16).view("<f4")) for one in bits]

        result = self.aggregate(name, lab, ManifestArray("w", "bfloat16", (4,)), halves)
        expected = self.aggregate(name, lab, ManifestArray("w", "float32", (4,)), wide)

        assert result["w"].dtype == "bfloat16"
        assert not npy_header(result["w"].data).fortran_order
        found = (result["w"].numpy().view("<u2").astype("<u4") << 16).view("<f4")
        np.testing.assert_allclose(found, expected["w"].numpy(), rtol=0, atol=2**-8)

    def test_a_mean_between_two_bfloat16_rounds_to_even(self, lab: Any) -> None:
        updates = [
            Array("bfloat16", (1,), "numpy.ndarray", Array(np.array([b], "<u2").view("V2")).data)
            for b in (0x3F80, 0x3F81, 0x3F80, 0x3F81)
        ]

        result = self.aggregate("FedAvg", lab, ManifestArray("w", "bfloat16", (1,)), updates)

        assert int(result["w"].numpy().view(np.uint16)[0]) == 0x3F80

    @pytest.mark.parametrize("name", NAMES)
    def test_float16_stays_float16_in_c_order(self, lab: Any, name: str) -> None:
        rng = np.random.default_rng(0)
        updates = [
            Array(np.ascontiguousarray(rng.normal(size=(4, 5)).astype(np.float16)))
            for _ in range(7)
        ]

        result = self.aggregate(name, lab, ManifestArray("w", "float16", (4, 5)), updates)

        header = npy_header(result["w"].data)
        assert header.dtype == np.float16
        assert header.shape == (4, 5)
        assert not header.fortran_order

    def test_a_result_in_fortran_order_is_written_in_c_order(
        self, lab: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        strategy = built(lab, "FedAvg")
        aggregate = strategy.strategy.aggregate_train
        values = np.arange(6, dtype=np.float32).reshape(3, 2)

        def fortran(server_round: int, given: Any) -> Any:
            record, metrics = aggregate(server_round, given)
            assert record is not None
            record["layers/dense/vars/0"] = Array(np.asfortranarray(values))
            return record, metrics

        monkeypatch.setattr(strategy.strategy, "aggregate_train", fortran)
        record, _ = strategy.aggregate_train(1, replies_of(lab, strategy))

        assert not npy_header(record["layers/dense/vars/0"].data).fortran_order
        np.testing.assert_array_equal(record["layers/dense/vars/0"].numpy(), values)
