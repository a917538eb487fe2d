"""report.html: one file that opens anywhere, without a network, light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from fedota_client.personal.charts import curve_chart, interval_chart, scatter_chart
from fedota_client.personal.comparison import LOCAL, MODELS, PERSONAL, SHARED, Comparison
from fedota_client.personal.intervals import Interval
from fedota_client.personal.measures import ACCURACY, LOSS, Answers, MeasuredTarget
from fedota_client.personal.tuning import Tuned, TuningRules
from fedota_client.personal.words import MEANING, NAMES, number_words, summary
from fedota_proto.release import release

_STYLE = """
:root { color-scheme: light dark; --text: #1c2126; --soft: #5b6670; --page: #ffffff;
  --card: #f5f7f9; --line: #d5dbe1; --shared: #2266bb; --personal: #c2570c; --local: #6b7280; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --soft: #9aa5b0; --page: #14181c;
  --card: #1d2329; --line: #39434d; --shared: #6ea8ff; --personal: #ff9d57; --local: #a3acb8; } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--text); background: var(--page);
  max-width: 46rem; margin: 2.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin-bottom: 0.2rem; }
h2 { font-size: 1.15rem; margin-top: 2.4rem; }
h3 { font-size: 1rem; margin-top: 1.6rem; }
p.soft, figcaption, .soft { color: var(--soft); font-size: 0.92rem; font-weight: normal; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 0.4rem 1.2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.45rem 0.6rem; border-bottom: 1px solid var(--line); }
.scroll { overflow-x: auto; }
tr.chosen td, tr.chosen th { font-weight: 600; }
table.confusion { width: auto; }
table.confusion td, table.confusion th { text-align: right; border: 1px solid var(--line); }
table.confusion td { background: color-mix(in srgb, var(--c) calc(var(--heat) * 70%),
  transparent); }
figure { margin: 1rem 0; }
svg { width: 100%; height: auto; font: 13px system-ui, sans-serif; }
svg text { fill: var(--text); } svg .tick { fill: var(--soft); font-size: 12px; }
svg .grid { stroke: var(--line); stroke-width: 0.6; } svg .axis { stroke: var(--soft); }
svg .guide { stroke: var(--soft); stroke-dasharray: 4 4; }
.shared { --c: var(--shared); } .personal { --c: var(--personal); } .local { --c: var(--local); }
svg g line, svg g polyline { stroke: var(--c); } svg g circle { fill: var(--c); }
svg g.dots circle { opacity: 0.55; }
.key::before { content: ""; display: inline-block; width: 0.7em; height: 0.7em; margin-right: 0.4em;
  border-radius: 50%; background: var(--c); }
.key { margin-right: 1.2em; white-space: nowrap; }
"""


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """All that the report shows.

    Parameters
    ----------
    title, problem_id, server_round
        Of the problem, and the round whose shared model was tuned.
    comparison
        What was found.
    answers
        Of each model, on the half that reports.
    tuned
        Of the personal and the local-only model.
    rules
        How was tuned.
    layers
        Which layers were tuned: ``all``, ``last`` or names.
    targets
        Names of all that is predicted.
    train_examples
        How many examples were tuned on.
    made
        When.
    absent
        Classes of which there is no example to train on.
    """

    title: str
    problem_id: str
    server_round: int
    comparison: Comparison
    answers: Mapping[str, Answers]
    tuned: Mapping[str, Tuned]
    rules: TuningRules
    layers: str
    targets: tuple[str, ...]
    train_examples: int
    made: datetime
    absent: tuple[str, ...] = ()


def report_html(facts: ReportFacts) -> str:
    """Write the whole page.

    Returns
    -------
    str
        HTML that loads nothing from anywhere.
    """
    comparison = facts.comparison
    body = [
        f"<h1>{escape(facts.title)}: a model of your own</h1>",
        f'<p class="soft">Problem {escape(facts.problem_id)}, shared model of round '
        f"{facts.server_round}; made on {facts.made:%d %B %Y, %H:%M} by fedota-client "
        f"{escape(release())}. Nothing of this left your machine.</p>",
        '<div class="card">',
        *(f"<p>{escape(sentence)}</p>" for sentence in summary(comparison)),
        "</div>",
        "<h2>The three models on your own examples</h2>",
        _table(comparison),
        _interval_figure({model: comparison.measured[model].loss for model in MODELS}, LOSS, facts),
        *_targets(facts),
        "<h2>How the personal model was tuned</h2>",
        f"<p>{escape(_tuning_words(facts))}</p>",
        *(f"<p>{escape(line)}</p>" for line in _absent_words(facts)),
        _figure(
            curve_chart(
                {name: one.validation_losses for name, one in facts.tuned.items()},
                {name: one.best_epoch for name, one in facts.tuned.items()},
            ),
            "Loss on examples that were set aside for this; the dot marks the epoch that was kept.",
            list(facts.tuned),
        ),
        "<h2>How to read this</h2>",
        *(f"<p>{escape(line)}</p>" for line in _EXPLAINED),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(facts.title)}: a model of your own</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


_EXPLAINED = (
    "A fixed part of your examples, chosen by their content, was never trained on, by you or in "
    "any round. One half of it decided which of the three models is kept, the other half only "
    "measured: so the numbers above are not flattered by the choice.",
    "An interval holds the true value in 95 of 100 such comparisons. That of the accuracy is the "
    "exact one of Clopper and Pearson; those of loss and error come from 2,000 bootstrap "
    "resamples of the examples, differences from resampling the same examples for both models. "
    "Intervals are wide where examples are few.",
    "Plain Keras opens shared.keras and personal.keras: keras.models.load_model. "
    "The command “fedota-client predict” runs one on new files.",
)


def _table(comparison: Comparison) -> str:
    targets = comparison.measured[comparison.chosen].targets
    several = len(targets) > 1
    head = "".join(f"<th>{escape(_heading(one, several))}</th>" for one in targets)
    rows = []
    for model in MODELS:
        measured = comparison.measured[model]
        numbers = [(LOSS, measured.loss), *((one.measure, one.value) for one in measured.targets)]
        cells = "".join(f"<td>{escape(number_words(name, one))}</td>" for name, one in numbers)
        chosen = ' class="chosen"' if model == comparison.chosen else ""
        rows.append(
            f'<tr{chosen}><th><span class="key {model}">{escape(_name(model))}</span><br>'
            f'<span class="soft">{escape(MEANING[model])}</span></th>{cells}</tr>'
        )
    return (
        f'<div class="scroll"><table><tr><th></th><th>{LOSS}</th>{head}</tr>{"".join(rows)}</table>'
        '</div><p class="soft">In brackets the 95% intervals; the chosen model in bold.</p>'
    )


def _heading(target: MeasuredTarget, several: bool) -> str:
    return f"{target.name}: {target.measure}" if several else target.measure


def _interval_figure(numbers: Mapping[str, Interval], measure: str, facts: ReportFacts) -> str:
    better = "Higher is better." if measure == ACCURACY else "Lower is better."
    of_all = (
        " It is the sum over all targets." if measure == LOSS and len(facts.targets) > 1 else ""
    )
    chart = interval_chart(numbers, facts.comparison.chosen, percent=measure == ACCURACY)
    caption = f"{measure.capitalize()} with its 95% interval. {better}{of_all}"
    return _figure(chart, caption)


def _targets(facts: ReportFacts) -> list[str]:
    """Show what the models are worth by each target, and where they are wrong."""
    measured = {model: facts.comparison.measured[model].targets for model in MODELS}
    parts = []
    for place, target in enumerate(measured[facts.comparison.chosen]):
        numbers = {model: measured[model][place].value for model in MODELS}
        figure = _interval_figure(numbers, target.measure, facts)
        heading = "Which classes are confused" if target.classes else "Where predictions are off"
        if len(facts.targets) > 1:
            parts += [f"<h2>{escape(target.name)}</h2>", figure, f"<h3>{heading}</h3>"]
        else:
            parts += [figure, f"<h2>{heading}</h2>"]
        if target.classes:
            parts += [
                _confusion(model, measured[model][place]) for model in _shown(facts.comparison)
            ]
        else:
            parts.append(_scatter(facts, place))
    parts += [f"<p>{escape(line)}</p>" for line in _unmeasured_words(facts)]
    return parts


def _scatter(facts: ReportFacts, place: int) -> str:
    models = _shown(facts.comparison)
    answers = {model: facts.answers[model].targets[place] for model in models}
    true = answers[SHARED].true.reshape(-1)
    predicted = {model: one.predicted.reshape(-1) for model, one in answers.items()}
    chart = scatter_chart(true, predicted, answers[SHARED].name)
    caption = "Each dot is an example; on the dashed line the prediction is right."
    return _figure(chart, caption, models)


def _unmeasured_words(facts: ReportFacts) -> list[str]:
    measured = {one.name for one in facts.comparison.measured[facts.comparison.chosen].targets}
    left = [name for name in facts.targets if name not in measured]
    if not left:
        return []
    return [
        f"What the model says of {', '.join(left)} is neither a class nor a number that could be "
        "laid beside what is true: by that only the loss compares."
    ]


def _shown(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys((comparison.chosen, SHARED)))


def _confusion(model: str, target: MeasuredTarget) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in target.classes)
    lines = []
    for name, row in zip(target.classes, target.confusion, strict=True):
        most = max(1, sum(row))
        cells = "".join(f'<td style="--heat: {n / most:.2f}">{n}</td>' for n in row)
        lines.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return (
        f'<p><span class="key {model}">{escape(_name(model))}</span></p><div class="scroll">'
        f'<table class="confusion {model}"><tr><th>true \\ predicted</th>{head}</tr>'
        f"{''.join(lines)}</table></div>"
    )


def _figure(chart: str, caption: str, keys: Sequence[str] = ()) -> str:
    legend = "".join(f'<span class="key {key}">{escape(_name(key))}</span>' for key in keys)
    return f"<figure>{legend}{chart}<figcaption>{escape(caption)}</figcaption></figure>"


def _name(model: str) -> str:
    return NAMES[model].removeprefix("the ").capitalize()


def _kept(tuned: Tuned) -> str:
    epochs = len(tuned.train_losses)
    if not tuned.best_epoch:
        return f"none of {epochs} epochs was better than its beginning, which was kept"
    return f"epoch {tuned.best_epoch} of {epochs} was kept"


def _absent_words(facts: ReportFacts) -> list[str]:
    if not facts.absent:
        return []
    return [
        f"You have no example to train on of {', '.join(facts.absent)}: the personal model began "
        "by taking that for unlikely (Saerens et al., Neural Computation 2002). Where it may come "
        "nevertheless, use the shared model."
    ]


def _tuning_words(facts: ReportFacts) -> str:
    rules, personal, local = facts.rules, facts.tuned[PERSONAL], facts.tuned[LOCAL]
    which = {"all": "All layers of the shared model were", "last": "The last layer was"}.get(
        facts.layers, f"Of the shared model the layers {facts.layers} were"
    )
    rate = f"with {rules.rate_factor:g} times the model's learning rate"
    words = (
        f"{which} tuned on {facts.train_examples} of your examples {rate}, until "
        f"{rules.patience} epochs in a row did not better the loss on others set aside; "
        f"{_kept(personal)}. The local-only model began as the problem's published model, with its "
        f"own learning rate; {_kept(local)}."
    )
    if rules.ditto_lambda:
        words += (
            f" Ditto's proximal term (λ = {rules.ditto_lambda:g}; Li et al., ICML 2021, "
            "arXiv:2012.04221) kept the personal model near the shared one."
        )
    return words
