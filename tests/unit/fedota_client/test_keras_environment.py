"""What Keras is imported without."""

from __future__ import annotations

import importlib
import sys

import pytest

from fedota_client.keras_environment import unseen


def test_what_is_unseen_is_not_found_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with unseen("wave"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("wave")
    assert importlib.import_module("wave").__name__ == "wave"


def test_what_is_loaded_already_stays_so() -> None:
    with unseen("json"):
        assert sys.modules["json"] is not None
    assert "json" in sys.modules


def test_what_was_unseen_is_seen_again_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with pytest.raises(OSError, match="disk"), unseen("wave"):
        raise OSError("disk")
    assert "wave" not in sys.modules
