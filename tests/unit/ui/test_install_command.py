"""The command that installs the client, while its wheel is made and after."""

from __future__ import annotations

import threading

import pytest
from streamlit.testing.v1 import AppTest
from support.page_text import text_of
from support.waiting import DEADLINE_S
from support.web import Web

from fedota_proto.errors import FolderError
from fedota_server.webserver.client_files import ClientFiles
from ui.parts.install_command import prepare_install_command


def _script() -> None:
    from ui.parts.install_command import show_install_command
    from ui.parts.told import told
    from ui.session import platform

    with told():
        show_install_command(platform())


def test_a_page_does_not_wait_for_the_wheel(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    made = threading.Event()

    def install_command(_: ClientFiles, url: str) -> str:
        assert made.wait(DEADLINE_S)
        return f"pip install {url}"

    monkeypatch.setattr(ClientFiles, "install_command", install_command)
    page = AppTest.from_function(_script, default_timeout=30).run()
    assert "is being packed" in text_of(page)
    assert not page.code
    made.set()
    prepare_install_command(web.platform).result(DEADLINE_S)
    (command,) = page.run().code
    assert command.value == f"pip install {web.platform.settings.page_url}"


def test_what_cannot_be_made_is_told_and_tried_again(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def install_command(_: ClientFiles, url: str) -> str:
        tried.append(url)
        raise FolderError("The disk is full.")

    monkeypatch.setattr(ClientFiles, "install_command", install_command)
    page = AppTest.from_function(_script, default_timeout=30).run()
    assert "The disk is full" in page.error[0].value
    page.run()
    assert len(tried) == 2
