"""Loads what the pages draw with, so that the first visitor need not wait for it."""

from __future__ import annotations

import gc
import importlib
import threading

_DRAWN_WITH = ("pandas", "pyarrow", "altair", "ui.parts.charts")


def warm_up() -> None:
    """Begin to load it, in a thread that nobody waits for."""
    threading.Thread(target=_load, name="warm-up", daemon=True).start()


def _load() -> None:
    for name in _DRAWN_WITH:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what was imported is here to stay, and need not be looked through again
