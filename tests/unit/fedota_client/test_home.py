"""A membership's folder and where an invite comes from."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fedota_client.home import ClientHome, known_memberships, membership_folder
from fedota_client.invite_source import find_home, read_invite
from fedota_proto.credential import SigningKey
from fedota_proto.errors import FolderError, InviteError, UsageError
from fedota_proto.invite import Invite, sign_invite

KEY = SigningKey.generate()


def invite(node_id: int = 7, problem_id: str = "abcdef123456", name: str = "clinic") -> Invite:
    return sign_invite(
        KEY,
        Invite(
            problem_id=problem_id,
            title="Tumours",
            node_id=node_id,
            name=name,
            expires_unix_s=time.time() + 60,
            ca_pem="ca",
            receipt_public_key=b"r" * 32,
            invite_public_key=KEY.public_bytes,
            selectors=(("localhost:1", "selector-1.abcdef123456.fedota"),),
        ),
    )


def no_stdin(size: int) -> str:
    raise AssertionError("standard input is not read")


def find(
    argument: str | None, home: Path | None, base: Path, prompted: str | None = None
) -> tuple[ClientHome, Invite]:
    return find_home(
        argument,
        home,
        base,
        read_stdin=no_stdin,
        prompt=(lambda: prompted) if prompted is not None else None,
    )


def test_the_folder_and_its_key_are_the_owners_alone(tmp_path: Path) -> None:
    home = ClientHome(tmp_path / "home")
    key = home.key()
    assert home.key().public_bytes == key.public_bytes
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "home" / "key.pem").stat().st_mode & 0o777 == 0o600


def test_two_clients_do_not_share_a_folder(tmp_path: Path) -> None:
    home = ClientHome(tmp_path)
    with home.locked(), pytest.raises(FolderError, match="Another client runs"), home.locked():
        pass
    with home.locked():
        pass


def test_a_folder_keeps_one_membership(tmp_path: Path) -> None:
    home = ClientHome(tmp_path)
    assert home.invite() is None
    home.adopt(invite(name="clinic"))
    home.adopt(invite(name="clinic, renewed"))
    stored = home.invite()
    assert stored is not None
    assert stored.name == "clinic, renewed"
    with pytest.raises(FolderError, match="another membership"):
        home.adopt(invite(node_id=8))


def test_a_place_that_cannot_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="--home"):
        ClientHome(tmp_path / "file" / "home")
    with pytest.raises(FolderError, match="--home"):
        find(invite().text, tmp_path / "file", tmp_path)


def test_an_invite_is_text_a_file_or_standard_input(tmp_path: Path) -> None:
    text = invite().text
    path = tmp_path / "clinic.invite"
    path.write_text(f"{text[:70]}\n{text[70:]}\n")
    assert read_invite(text, no_stdin) == invite_of(text)
    assert read_invite(str(path), no_stdin) == invite_of(text)
    assert read_invite("-", lambda size: text[:size]) == invite_of(text)


def invite_of(text: str) -> Invite:
    return Invite.parse(text)


@pytest.mark.parametrize("text", ["fedota1:abc", "hello", "x" * 5000])
def test_what_is_no_invite(text: str) -> None:
    with pytest.raises(InviteError, match="whole invite"):
        read_invite(text, no_stdin)


def test_a_damaged_invite_is_told_from_a_foreign_text() -> None:
    text = invite().text
    damaged = text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:]
    with pytest.raises(InviteError):
        read_invite(damaged, no_stdin)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_invite(str(tmp_path / "clinic.invite"), no_stdin)


def test_each_membership_has_its_own_folder(tmp_path: Path) -> None:
    home, _ = find(invite(7).text, None, tmp_path)
    other, _ = find(invite(8).text, None, tmp_path)
    assert home.folder == membership_folder(tmp_path, invite(7))
    assert known_memberships(tmp_path) == sorted([home.folder, other.folder])
    with pytest.raises(UsageError, match="Several memberships"):
        find(None, None, tmp_path)


def test_without_an_invite_the_stored_one_serves(tmp_path: Path) -> None:
    find(invite(7).text, None, tmp_path)
    home, stored = find(None, None, tmp_path)
    assert stored == invite_of(invite(7).text) or stored.node_id == 7
    _, stored = find(None, home.folder, tmp_path / "elsewhere")
    assert stored.node_id == 7


def test_without_any_it_is_asked_for_where_somebody_can_answer(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none is known"):
        find(None, None, tmp_path)
    home, _ = find(None, tmp_path / "mine", tmp_path, prompted=invite(9).text)
    assert home.folder == tmp_path / "mine"
