"""One policy file: what it says, and every mistake in it at once.

::

    # Every key may be left out: it then asks for nothing.
    setters = ["Institute of Oncology"]     # [problem] setter must be one of these
    platforms = ["3f9a…"]                   # SHA-256 of the platform's CA, as `fedota-client
                                            # policy INVITE` shows it
    strategies = ["FedAvg", "FedProx"]
    formats = ["table"]                     # [data] kind
    model_max_bytes = 50_000_000            # of the model's file
    model_max_parameters = 1_000_000
    minimum_examples = 100                  # fewest examples of one's own to take part with
    minimum_reports = 5                     # the problem's minimum reports must be at least this
    maximum_rounds = 200                    # the problem's rounds may be at most this
    share_metrics = "coarse"                # the most that may be told: exact, coarse or none
    apps = false                            # Flower apps, which bring code of their own

    [noise]                                 # every update must be clipped and noised at least so
    clipping_norm = 1.0                     # at most
    noise_multiplier = 1.0                  # at least
    delta = 1e-5                            # at which ε is told
    epsilon_max = 8.0                       # all updates together; then nothing leaves any more
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from fedota_client.shared_metrics import ShareMetrics
from fedota_proto.errors import ProblemFileError, UsageError
from fedota_proto.privacy_rules import DELTA
from fedota_proto.strategy_table import strategy_table
from fedota_proto.toml_reader import Mistakes, TableReader, nearest, shown

_MOST_BYTES = 1 << 20
_MOST = 1 << 62


@dataclass(frozen=True, slots=True)
class NoiseRule:
    """The noise that a policy demands.

    Parameters
    ----------
    clipping_norm
        Largest norm.
    noise_multiplier
        Least noise.
    delta
        At which ε is told, at most.
    epsilon_max
        The most that all updates of a membership may cost; 0: no bound.
    """

    clipping_norm: float
    noise_multiplier: float
    delta: float = DELTA
    epsilon_max: float = 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """What one file allows; an empty tuple, a 0 and None ask for nothing.

    Parameters
    ----------
    source
        The file, as the subject of a sentence.
    setters, platforms, strategies, formats
        The allowed ones.
    model_max_bytes, model_max_parameters
        Of the model.
    minimum_examples
        Fewest of the holder's own.
    minimum_reports, maximum_rounds
        Bounds on the problem's rules.
    share_metrics
        The most that may be told.
    apps
        Whether Flower apps may run.
    noise
        Demanded on every update.
    """

    source: str
    setters: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    model_max_bytes: int = 0
    model_max_parameters: int = 0
    minimum_examples: int = 0
    minimum_reports: int = 0
    maximum_rounds: int = 0
    share_metrics: ShareMetrics = ShareMetrics.EXACT
    apps: bool = True
    noise: NoiseRule | None = field(default=None)


def read_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises
    ------
    UsageError
        It cannot be read, or with all its mistakes: nothing runs under a policy that is not
        understood.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(
            f"The policy {path} cannot be read ({reason}): nothing runs until it can."
        ) from None
    try:
        return _parse(text, str(path))
    except ProblemFileError as error:
        raise UsageError(error.public_message) from None


def _parse(text: str, source: str) -> Policy:
    mistakes = Mistakes(source)
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise ProblemFileError(f"{source} is not TOML: {error}.") from None
    noise_table = document.pop("noise", None)
    reader = TableReader(document, "", mistakes)
    noise = None
    if isinstance(noise_table, dict):
        noise = _read_noise(TableReader(noise_table, "[noise]", mistakes))
    elif noise_table is not None:
        mistakes.add("[noise]", f"must be a section, not {shown(noise_table)}")
    share = reader.choice("share_metrics", list(ShareMetrics), default=ShareMetrics.EXACT)
    policy = Policy(
        source=source,
        setters=_texts(reader, "setters"),
        platforms=tuple(text.replace(":", "").casefold() for text in _texts(reader, "platforms")),
        strategies=_texts(reader, "strategies", tuple(strategy_table())),
        formats=_texts(reader, "formats"),
        model_max_bytes=_bound(reader, "model_max_bytes"),
        model_max_parameters=_bound(reader, "model_max_parameters"),
        minimum_examples=_bound(reader, "minimum_examples"),
        minimum_reports=_bound(reader, "minimum_reports"),
        maximum_rounds=_bound(reader, "maximum_rounds"),
        share_metrics=ShareMetrics(share or ShareMetrics.EXACT),
        apps=reader.flag("apps", default=True),
        noise=noise,
    )
    reader.finish()
    mistakes.raise_if_any()
    return policy


def _read_noise(reader: TableReader) -> NoiseRule:
    rule = NoiseRule(
        clipping_norm=reader.number("clipping_norm", above=0.0, maximum=1e9),
        noise_multiplier=reader.number("noise_multiplier", above=0.0, maximum=1e6),
        delta=reader.number("delta", above=0.0, maximum=0.1, default=DELTA),
        epsilon_max=reader.number("epsilon_max", minimum=0.0, maximum=1e9, default=0.0),
    )
    reader.finish()
    return rule


def _bound(reader: TableReader, key: str) -> int:
    return reader.integer(key, minimum=0, maximum=_MOST, default=0)


def _texts(reader: TableReader, key: str, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    texts: list[str] = []
    for value in reader.list_of_values(key):
        if not isinstance(value, str) or not value.strip():
            reader.wrong(key, f"holds {shown(value)}; list texts in quotes")
            return ()
        if known and value not in known:
            near = nearest(value, known)
            hint = f'; did you mean "{near}"?' if near else ""
            reader.wrong(key, f"{shown(value)} is not known{hint}")
            return ()
        texts.append(value)
    if reader.given(key) and not texts and reader.fine(key):
        reader.wrong(key, "lists nothing; leave it out if it is to ask for nothing")
    return tuple(texts)
