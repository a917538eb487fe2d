"""Streamlit is set so that it tells nobody anything and shows nobody its insides."""

from __future__ import annotations

from pathlib import Path

from streamlit import config

from fedota_server.webserver.settings import WebserverSettings
from ui.theme.options import options

_OPTIONS = options(WebserverSettings(home=Path("unused")), "a secret of tests")


def test_every_option_is_one_of_streamlits() -> None:
    assert set(_OPTIONS) <= set(config.get_config_options())


def test_nothing_is_told_and_nothing_is_watched() -> None:
    assert _OPTIONS["browser.gatherUsageStats"] is False
    assert _OPTIONS["server.fileWatcherType"] == "none"
    assert _OPTIONS["client.showErrorDetails"] == "none"
    assert _OPTIONS["server.enableXsrfProtection"] is True
    assert _OPTIONS["server.enableAgentApi"] is False


def test_the_theme_fetches_nothing() -> None:
    theme = {name: value for name, value in _OPTIONS.items() if name.startswith("theme.")}
    assert theme
    assert not [name for name, value in theme.items() if "//" in str(value)]
    assert {name.split(".")[1] for name in theme} >= {"light", "dark", "font"}
