"""A platform for each test, whose pages this process shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.web import Web, opened_web

from ui.parts import confirm
from ui.parts.told import told


@pytest.fixture
def web(tmp_path: Path, migrated_file: Path) -> Iterator[Web]:
    """A platform in a folder of its own, with an administrator."""
    with opened_web(tmp_path / "home", migrated_file) as made:
        assert made.admin.signed_in
        yield made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every question that is asked before a deed; each is answered with yes.

    AppTest runs whole scripts, in which a dialog that a button opened is gone at the next click.
    """
    questions: list[str] = []

    def ask_first(question: str, _: str, *, act: Callable[[], object], **__: str) -> None:
        questions.append(question)
        with told():
            act()

    monkeypatch.setattr(confirm, "ask_first", ask_first)
    return questions
