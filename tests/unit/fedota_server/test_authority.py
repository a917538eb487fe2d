"""The platform's CA, a problem's own, and what they issue."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from fedota_proto.errors import FolderError
from fedota_server.authority import PlatformHome, ProblemKeys, new_platform_authority


@pytest.fixture
def home(tmp_path: Path) -> PlatformHome:
    platform = PlatformHome(tmp_path / "home")
    assert platform.init()
    return platform


def verify(chain_pem: bytes, root_pem: bytes, name: str) -> None:
    leaf, *others = x509.load_pem_x509_certificates(chain_pem)
    root = x509.load_pem_x509_certificate(root_pem)
    PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName(name)).verify(
        leaf, others
    )


def test_a_second_init_changes_nothing(home: PlatformHome) -> None:
    before = home.authority().pem
    assert not home.init()
    assert home.authority().pem == before


def test_a_new_platforms_folder_is_its_owners_alone(tmp_path: Path) -> None:
    PlatformHome(tmp_path / "new").init()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_without_init_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="fedota init"):
        PlatformHome(tmp_path).authority()


def test_every_server_has_one_name_and_a_chain_to_the_root(
    home: PlatformHome, tmp_path: Path
) -> None:
    keys = ProblemKeys.create(tmp_path / "keys", "abc123", home.authority())
    keys.selector(2)
    for role in ("coordinator", "operator", "selector-2"):
        identity = keys.identity(role)
        verify(identity.cert_chain_pem, keys.ca_pem, f"{role}.abc123.fedota")
        leaf = x509.load_pem_x509_certificate(identity.cert_chain_pem)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [f"{role}.abc123.fedota"]
    verify(home.webserver_identity().cert_chain_pem, keys.ca_pem, "webserver.fedota")


def test_a_problem_cannot_sign_for_another(home: PlatformHome) -> None:
    problem = home.authority().issue_problem_authority("abc123")
    foreign = problem.issue("coordinator.zzz999.fedota")
    with pytest.raises(VerificationError):
        verify(foreign.cert_chain_pem, home.authority().pem, "coordinator.zzz999.fedota")


def test_making_keys_again_keeps_them(home: PlatformHome, tmp_path: Path) -> None:
    first = ProblemKeys.create(tmp_path / "keys", "abc123", home.authority())
    kept = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
    ProblemKeys.create(tmp_path / "keys", "abc123", home.authority())
    assert {path: path.read_bytes() for path in kept} == kept
    assert len(kept) > 8
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)


def test_a_selector_gets_what_it_needs_and_no_more(home: PlatformHome, tmp_path: Path) -> None:
    keys = ProblemKeys.create(tmp_path / "keys", "abc123", home.authority())
    assert sorted(path.name for path in keys.selector(1).iterdir()) == [
        "ca.pem",
        "cert.pem",
        "key.pem",
    ]


def test_public_halves_belong_to_the_keys(home: PlatformHome, tmp_path: Path) -> None:
    keys = ProblemKeys.create(tmp_path / "keys", "abc123", home.authority())
    assert keys.public_key("invite") == keys.invite_key.public_bytes
    assert keys.public_key("receipt") == keys.receipt_key.public_bytes


def own_pair(folder: Path, pem: bytes, key_pem: bytes) -> tuple[Path, Path]:
    (folder / "own.pem").write_bytes(pem)
    (folder / "own.key").write_bytes(key_pem)
    return folder / "own.pem", folder / "own.key"


def test_the_operators_own_ca_is_taken(tmp_path: Path) -> None:
    own = new_platform_authority()
    key_pem = own.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    platform = PlatformHome(tmp_path / "home")
    assert platform.init(*own_pair(tmp_path, own.pem, key_pem))
    assert platform.authority().pem == own.pem
    subject = platform.authority().certificate.subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)


def test_a_pair_that_does_not_belong_or_is_no_ca_is_refused(tmp_path: Path) -> None:
    one = new_platform_authority()
    leaf = one.issue("x.fedota")
    platform = PlatformHome(tmp_path / "home")
    with pytest.raises(FolderError, match="is not the key of"):
        platform.init(*own_pair(tmp_path, one.pem, leaf.key_pem))
    with pytest.raises(FolderError, match="cannot sign"):
        platform.init(*own_pair(tmp_path, leaf.cert_chain_pem, leaf.key_pem))
    assert not platform.exists
