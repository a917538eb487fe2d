"""Invites are made, kept and found by name."""

from pathlib import Path

import pytest

from fedota_proto.errors import FolderError, UsageError
from fedota_proto.invite import Invite
from fedota_server.authority import ProblemKeys, new_platform_authority
from fedota_server.members import Members

DAY_S = 86_400.0


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> ProblemKeys:
    folder = tmp_path_factory.mktemp("keys")
    return ProblemKeys.create(folder, "abcdef123456", new_platform_authority())


def invite(members: Members, keys: ProblemKeys, name: str, *, again: bool = False) -> Invite:
    return members.invite(
        keys,
        title="T",
        name=name,
        valid_s=DAY_S,
        selectors=[("127.0.0.1:20001", "selector-1.abcdef123456.fedota")],
        again=again,
    )


def test_an_invite_is_kept_for_its_owner_alone(tmp_path: Path, keys: ProblemKeys) -> None:
    members = Members(tmp_path)
    made = invite(members, keys, "St. Mary")
    made.verify(keys.public_key("invite"), "abcdef123456", made.expires_unix_s - DAY_S)
    path = members.path("St. Mary")
    assert Invite.parse(path.read_text()) == made
    assert path.stat().st_mode & 0o077 == 0
    assert members.names() == {made.node_id: "St. Mary"}
    assert members.find("St. Mary").node_id == made.node_id
    assert members.find(str(made.node_id)).name == "St. Mary"


def test_a_name_is_used_once_unless_asked_for(tmp_path: Path, keys: ProblemKeys) -> None:
    members = Members(tmp_path)
    first = invite(members, keys, "north")
    with pytest.raises(UsageError, match="has an invite already"):
        invite(members, keys, "north")
    second = invite(members, keys, "north", again=True)
    assert second.node_id != first.node_id
    assert members.find("north").node_id == second.node_id
    assert len(members.all()) == 2


def test_each_invite_begins_with_another_selector(tmp_path: Path, keys: ProblemKeys) -> None:
    members = Members(tmp_path)
    selectors = [(f"127.0.0.1:2000{n}", f"selector-{n}.abcdef123456.fedota") for n in (1, 2, 3)]
    orders = [
        members.invite(keys, title="T", name=name, valid_s=DAY_S, selectors=selectors).selectors
        for name in ("a", "b", "c", "d")
    ]
    assert [order[0] for order in orders] == [*selectors, selectors[0]]
    assert all(sorted(order) == selectors for order in orders)


def test_names_follow_the_list(tmp_path: Path, keys: ProblemKeys) -> None:
    members, others = Members(tmp_path), Members(tmp_path)
    assert others.names() == {}
    first = invite(members, keys, "north")
    assert others.names() == {first.node_id: "north"}
    second = invite(members, keys, "south")
    assert others.names() == {first.node_id: "north", second.node_id: "south"}


@pytest.mark.parametrize("name", ["", "../north", "a/b", ".north", "north.", " ", "x" * 81, "a\nb"])
def test_a_name_that_is_no_file_name_is_refused(
    tmp_path: Path, keys: ProblemKeys, name: str
) -> None:
    with pytest.raises(UsageError, match="cannot name a data holder"):
        invite(Members(tmp_path), keys, name)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_is_told_with_the_known_ones(tmp_path: Path, keys: ProblemKeys) -> None:
    members = Members(tmp_path)
    with pytest.raises(UsageError, match="nobody yet"):
        members.find("north")
    invite(members, keys, "south")
    with pytest.raises(UsageError, match="there are: south"):
        members.find("north")


def test_a_damaged_list_is_told(tmp_path: Path) -> None:
    (tmp_path / "members.jsonl").write_text("{oh\n")
    with pytest.raises(FolderError, match="damaged"):
        Members(tmp_path).all()
