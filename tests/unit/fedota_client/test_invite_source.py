"""Which invite a command is about, and that looking for one makes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fedota_client.home import ClientHome, membership_folder
from fedota_client.invite_source import find_home, find_invite
from fedota_proto.credential import SigningKey
from fedota_proto.errors import FolderError, InviteError, UsageError
from fedota_proto.invite import Invite, sign_invite

KEY = SigningKey.generate()


def make(node_id: int = 7) -> Invite:
    """Sign an invite."""
    return sign_invite(
        KEY,
        Invite(
            problem_id="abcdef123456",
            title="Tumours",
            node_id=node_id,
            name="clinic",
            expires_unix_s=time.time() + 60,
            ca_pem="ca",
            receipt_public_key=b"r" * 32,
            invite_public_key=KEY.public_bytes,
            selectors=(("localhost:1", "selector-1.abcdef123456.fedota"),),
        ),
    )


def no_stdin(most: int) -> str:
    """Fail: nothing is to be read."""
    raise AssertionError(most)


def find(
    argument: str | None,
    home: Path | None,
    base: Path,
    prompt: Callable[[], str] | None = None,
) -> Invite:
    """Look with both functions, the one that makes nothing first."""
    found = find_invite(argument, home, base, read_stdin=no_stdin, prompt=prompt)
    _, again = find_home(argument, home, base, read_stdin=no_stdin, prompt=prompt)
    assert again == found
    return found


def test_a_file_in_the_home_folder_is_taken(tmp_path: Path) -> None:
    home = tmp_path / "fedota"
    home.mkdir()
    invite = make()
    (home / "invite").write_text(invite.text + "\r\n")
    assert find_invite(None, home, tmp_path, read_stdin=no_stdin, prompt=None) == invite
    assert [path.name for path in home.iterdir()] == ["invite"]
    client_home, found = find_home(None, home, tmp_path, read_stdin=no_stdin, prompt=None)
    assert (client_home.folder, found) == (home, invite)


def test_text_goes_before_what_is_stored_and_is_stored(tmp_path: Path) -> None:
    invite = make()
    assert find(invite.text, None, tmp_path) == invite
    assert (membership_folder(tmp_path, invite) / "invite").read_text() == invite.text
    assert find(None, None, tmp_path) == invite


def test_what_is_known_nowhere_is_asked_for(tmp_path: Path) -> None:
    invite = make()
    assert find(None, tmp_path / "home", tmp_path, lambda: invite.text) == invite
    with pytest.raises(UsageError, match="No invite was given"):
        find_invite(None, tmp_path / "other", tmp_path / "b", read_stdin=no_stdin, prompt=None)


def test_several_memberships(tmp_path: Path) -> None:
    for node_id in (1, 2):
        find(make(node_id).text, None, tmp_path)
    with pytest.raises(UsageError, match="Several memberships"):
        find_invite(None, None, tmp_path, read_stdin=no_stdin, prompt=None)


def test_a_damaged_file_in_the_home_folder(tmp_path: Path) -> None:
    (tmp_path / "invite").write_bytes(b"\xff\xfe no invite")
    with pytest.raises(InviteError):
        find_invite(None, tmp_path, tmp_path, read_stdin=no_stdin, prompt=None)
    (tmp_path / "invite").unlink()
    (tmp_path / "invite").mkdir()
    with pytest.raises(FolderError, match="cannot be read"):
        find_invite(None, tmp_path, tmp_path, read_stdin=no_stdin, prompt=None)


def test_an_invite_that_was_put_in_place_of_another_is_sent_again(tmp_path: Path) -> None:
    home = ClientHome(tmp_path)
    home.adopt(make(1))
    assert not home.enrolled
    home.mark_enrolled()
    home.mark_enrolled()
    assert home.enrolled
    (tmp_path / "invite").write_text(make(2).text)
    assert not home.enrolled
    # As releases before noted it.
    (tmp_path / "enrolled").write_text("")
    assert home.enrolled
