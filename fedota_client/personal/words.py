"""The comparison in plain words."""

from __future__ import annotations

from fedota_client.personal.comparison import LOCAL, PERSONAL, SHARED, Comparison
from fedota_client.personal.figures import short
from fedota_client.personal.intervals import Interval
from fedota_client.personal.measures import ACCURACY, LOSS, MeasuredTarget

NAMES = {
    SHARED: "the shared model",
    PERSONAL: "the personal model",
    LOCAL: "the local-only model",
}
MEANING = {
    SHARED: "as all data holders trained it together",
    PERSONAL: "the shared model, tuned on your examples",
    LOCAL: "trained on your examples alone, without the other data holders",
}
_TOLD = 4


def number_words(name: str, interval: Interval) -> str:
    """Write a measured number with its interval, as ``91.2% (86.0% to 95.1%)``."""
    if name == ACCURACY:
        return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"
    return f"{short(interval.value)} ({short(interval.low)} to {short(interval.high)})"


def summary(comparison: Comparison) -> list[str]:
    """Say what was found, a few sentences each of which stands by itself."""
    chosen = comparison.chosen
    losses = comparison.choice_losses
    lowest = "it has the lowest loss"
    if losses[LOCAL] < losses[chosen]:
        lowest = "only the local-only model has a lower loss, by less than a standard error"
    sentences = [
        f"{NAMES[chosen].capitalize()} ({MEANING[chosen]}) suits your data best: on "
        f"{comparison.choice_examples} examples that were never trained on {lowest}. "
        "It is kept as personal.keras."
    ]
    measured = comparison.measured[chosen]
    if not measured.targets:
        told = f"its loss is {number_words(LOSS, measured.loss)}"
    elif len(measured.targets) == 1:
        told = f"its {_value_words(measured.targets[0])}"
    else:
        told = "; ".join(_target_words(one) for one in measured.targets[:_TOLD])
        more = len(measured.targets) - _TOLD
        told += f"; {more} more are in the report" if more > 0 else ""
    sentences.append(
        f"On {comparison.report_examples} other examples, by which nothing was decided, {told}."
    )
    sentences += [_difference(name, one) for name, one in comparison.differences.items()]
    if len(measured.targets) > 1:
        sentences += _target_differences(comparison)
    return sentences


def _value_words(target: MeasuredTarget) -> str:
    return f"{target.measure} is {number_words(target.measure, target.value)}"


def _target_words(target: MeasuredTarget) -> str:
    return f"its {target.measure} for {target.name} is {number_words(target.measure, target.value)}"


def _target_differences(comparison: Comparison) -> list[str]:
    """Say by which targets the model that suits best on the whole is worse than the shared one."""
    worse = [name for name, one in comparison.target_differences.items() if one.low > 0]
    if not worse:
        return []
    return [
        f"By {', '.join(worse)} alone it is nevertheless further off than {NAMES[SHARED]}, beyond "
        "chance: where that counts more than the others, use shared.keras."
    ]


def _difference(name: str, difference: Interval) -> str:
    by = short(abs(difference.value))
    low, high = (short(bound, signed=True) for bound in (difference.low, difference.high))
    bounds = f"95% interval of the difference: {low} to {high}"
    if difference.low == difference.high == 0:
        return f"Its loss is the same as that of {NAMES[name]}."
    if difference.high < 0:
        return f"Its loss is lower than that of {NAMES[name]} by {by}, beyond chance ({bounds})."
    if difference.low > 0:
        return (
            f"On these examples its loss is nevertheless higher than that of {NAMES[name]} by "
            f"{by}, beyond chance ({bounds})."
        )
    return (
        f"Whether it is better than {NAMES[name]} cannot be told from so few examples: the "
        f"difference of {by} in loss may be chance ({bounds})."
    )
