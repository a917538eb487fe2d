"""How exactly the holder tells the numbers that leave beside the arrays."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from fedota_proto.errors import UsageError
from fedota_proto.strategy_table import StrategySpec

_WEIGHT_DIGITS = 2
_METRIC_DECIMALS = 2


class ShareMetrics(enum.StrEnum):
    """What ``--share-metrics`` says.

    ``exact``: the number of examples and every declared metric as they are. ``coarse``: the number
    of examples to two significant digits, metrics to two decimals. ``none``: no part in evaluation,
    and in training the number of examples alone, to two significant digits.
    """

    EXACT = "exact"
    COARSE = "coarse"
    NONE = "none"

    def weight(self, examples: int) -> int:
        """Return the number of examples as it leaves."""
        if self is ShareMetrics.EXACT:
            return examples
        return round(examples, min(0, _WEIGHT_DIGITS - len(str(abs(examples)))))

    def metrics(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return the metrics as they leave."""
        if self is ShareMetrics.EXACT:
            return dict(metrics)
        if self is ShareMetrics.NONE:
            return {}
        # Adding 0.0 turns -0.0, which a small negative number becomes, into 0.0.
        return {name: round(value, _METRIC_DECIMALS) + 0.0 for name, value in metrics.items()}

    def check(self, spec: StrategySpec) -> None:
        """Refuse to keep back what a strategy cannot do without.

        Raises
        ------
        UsageError
            The strategy needs the loss, and ``none`` sends none.
        """
        if self is ShareMetrics.NONE and spec.needs_loss:
            raise UsageError(
                f"{spec.name} weighs each update by its training loss, which --share-metrics none "
                "keeps back: use --share-metrics coarse, or do not take part."
            )
