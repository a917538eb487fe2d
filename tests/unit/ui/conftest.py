"""A platform for each test, whose pages this process shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from streamlit import config
from support.web import Web, opened_web

from fedota_server.webserver.settings import WebserverSettings
from ui.parts import confirm
from ui.parts.told import told
from ui.theme.options import options


@pytest.fixture(scope="session", autouse=True)
def quick_pages() -> Iterator[None]:
    """Set what else costs each page a second in a process of tests.

    Streamlit would look through all objects after every run, which the app is set not to do either;
    it would clear the session of Keras, which the server never loads but other tests here do; and
    at every page that AppTest opens it would look for components in every installed package.
    """
    for name in ("runner.postScriptGC", "runner.magicEnabled"):
        assert options(WebserverSettings(home=Path("unused")), "a secret of tests")[name] is False
        config.set_option(name, False)
    with (
        patch("streamlit.runtime.scriptrunner.script_runner._clean_problem_modules"),
        patch("streamlit.components.v2.manifest_scanner.scan_component_manifests", list),
    ):
        yield


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
