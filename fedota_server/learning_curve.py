"""The learning curve as a picture; the only module that imports matplotlib, when it is asked to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fedota_proto.errors import FolderError, UsageError


def save_learning_curve(
    path: Path,
    *,
    title: str,
    rounds: Sequence[int],
    curves: Mapping[str, Sequence[float]],
    levels: Mapping[str, float],
) -> None:
    """Draw metrics by round, and levels to compare them with.

    Parameters
    ----------
    path
        The PNG file; its folder is made.
    title
        Above the picture.
    rounds
        Server rounds, from left to right.
    curves
        For each name as many values as there are rounds.
    levels
        Horizontal lines.

    Raises
    ------
    UsageError
        matplotlib is not installed.
    FolderError
        The file cannot be written.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageError(
            "The learning curve needs matplotlib: install it with `pip install matplotlib`."
        ) from error
    mpl.use("agg")
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 4.2), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    for name, values in curves.items():
        axes.plot(rounds, values, marker="o", markersize=3, label=name)
    for place, (name, value) in enumerate(levels.items()):
        axes.axhline(
            value, linestyle="--", linewidth=1, color=f"C{len(curves) + place}", label=name
        )
    axes.set_xlabel("server round")
    axes.set_ylabel("accuracy")
    axes.set_title(title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise FolderError(f"{path} cannot be written: {error.strerror}.") from error
