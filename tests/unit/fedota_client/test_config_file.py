"""Settings from flags, environment and config.toml, in that order."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from fedota_client.config_file import client_settings
from fedota_client.shared_metrics import ShareMetrics
from fedota_proto.errors import UsageError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEDOTA_CLIENT_HOME", str(tmp_path))
    return tmp_path


def test_a_flag_goes_before_the_environment_and_that_before_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config.toml").write_text(
        'threads = 1\nhours = "01:00-02:00"\nshare_metrics = "coarse"\nupload_max = "2MB"\n'
    )
    monkeypatch.setenv("FEDOTA_CLIENT_THREADS", "2")
    monkeypatch.setenv("FEDOTA_CLIENT_HOURS", "03:00-04:00")
    settings = client_settings(hours="05:00-06:00", days=None)
    assert settings.hours == "05:00-06:00"
    assert settings.threads == 2
    assert settings.share_metrics is ShareMetrics.COARSE
    assert settings.upload_max == 2_000_000
    assert settings.days == ""
    assert settings.config == home / "config.toml"


def test_a_folder_that_may_not_be_looked_into_has_no_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As /fedota of another user in a container; whoever uses the folder says more."""

    def refuse(path: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as closed:
        closed.setattr(os, "stat", refuse)
        closed.setattr(Path, "stat", refuse)
        assert client_settings().config is None


def test_without_a_file_there_are_defaults(home: Path) -> None:
    assert client_settings().config is None
    assert client_settings().threads == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("thread = 1", "config.toml: thread is unknown; did you mean threads?"),
        ("threads = -1", "config.toml: threads: input should be greater than"),
        ("threads", "config.toml is not TOML"),
        ('upload_max = "10"', "config.toml: upload_max: a cap is 0 (none) or at least 65536"),
    ],
)
def test_mistakes_in_the_file_are_told_with_their_place(home: Path, text: str, said: str) -> None:
    (home / "config.toml").write_text(text)
    with pytest.raises(UsageError) as refused:
        client_settings()
    assert said in refused.value.public_message


def test_mistakes_elsewhere_are_told_with_theirs(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"^--threads: input should be"):
        client_settings(threads=-1)
    with pytest.raises(UsageError, match="cannot be read"):
        client_settings(home / "nowhere.toml")
    monkeypatch.setenv("FEDOTA_CLIENT_THREADS", "many")
    with pytest.raises(UsageError, match=r"^FEDOTA_CLIENT_THREADS: input should be"):
        client_settings()
