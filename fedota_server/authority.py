"""Certificates and keys: the platform's CA, a problem's intermediate CA, and what they issue.

The platform's CA signs one intermediate CA per problem, constrained to the problem's own names
(``.<problem-id>.fedota``); that one signs the certificates of the coordinator, the selectors and
the local operator. ECDSA P-256 throughout, since gRPC refuses Ed25519 certificates.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fedota_proto.credential import ReceiptKey, SigningKey, write_secret
from fedota_proto.errors import FolderError
from fedota_proto.tls import (
    WEBSERVER_NAME,
    ServerIdentity,
    coordinator_name,
    load_identity,
    operator_name,
    selector_name,
)

_CA_DAYS = 3650
_PROBLEM_DAYS = 1825
_LEAF_DAYS = 825
_BACKDATED = dt.timedelta(days=1)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Fedota"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@dataclass(frozen=True)
class Authority:
    """A CA: its certificate, its key, and the chain below the root that its leaves carry."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain_pem: bytes = b""

    @property
    def pem(self) -> bytes:
        """The CA's own certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def _sign(
        self,
        subject: str,
        public_key: ec.EllipticCurvePublicKey,
        days: int,
        extensions: list[tuple[x509.ExtensionType, bool]],
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, dns_name: str) -> ServerIdentity:
        """Issue a certificate with one DNS name, for both ends of a connection.

        Returns
        -------
        ServerIdentity
            The leaf with the chain below the root, and a new P-256 key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            dns_name,
            key.public_key(),
            _LEAF_DAYS,
            [
                (x509.SubjectAlternativeName([x509.DNSName(dns_name)]), False),
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (
                    x509.ExtendedKeyUsage(
                        [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                    ),
                    False,
                ),
                (_key_usage(signs_certificates=False), True),
            ],
        )
        leaf = certificate.public_bytes(serialization.Encoding.PEM)
        return ServerIdentity(leaf + self.chain_pem, _key_pem(key))

    def issue_problem_authority(self, problem_id: str) -> Authority:
        """Issue a problem's intermediate CA, which can sign only the problem's own names."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            f"problem {problem_id}",
            key.public_key(),
            _PROBLEM_DAYS,
            [
                (x509.BasicConstraints(ca=True, path_length=0), True),
                (_key_usage(signs_certificates=True), True),
                (
                    x509.NameConstraints(
                        permitted_subtrees=[x509.DNSName(f"{problem_id}.fedota")],
                        excluded_subtrees=None,
                    ),
                    True,
                ),
            ],
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        return Authority(certificate, key, pem)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def new_platform_authority() -> Authority:
    """Make a platform's root CA with a new P-256 key, valid for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    subject = _name(f"platform CA {secrets.token_hex(4)}")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + dt.timedelta(days=_CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def _load_authority(cert_path: Path, key_path: Path, *, chain: bool) -> Authority:
    try:
        pem = cert_path.read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    except OSError as error:
        raise FolderError(
            f"The CA {error.filename} cannot be read ({error.strerror}): "
            "run `fedota init`, or restore the folder from a backup."
        ) from error
    except ValueError as error:
        raise FolderError(
            f"{cert_path} and {key_path} are not a certificate and its key: restore them."
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise FolderError(f"{key_path} is not an ECDSA key: Fedota's certificates use ECDSA P-256.")
    if key.public_key() != certificate.public_key():
        raise FolderError(f"{key_path} is not the key of {cert_path}: pass the pair that belongs.")
    return Authority(certificate, key, pem if chain else b"")


class PlatformHome:
    """The platform's folder: its CA and what it issues under it.

    Parameters
    ----------
    folder
        ``--home``, else ``FEDOTA_HOME``, else ``~/.fedota``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cert = folder / "ca" / "ca.pem"
        self._key = folder / "ca" / "ca.key"

    @property
    def exists(self) -> bool:
        """Whether the platform has a CA."""
        return self._cert.exists() and self._key.exists()

    def init(self, cert: Path | None = None, key: Path | None = None) -> bool:
        """Make the CA, or take the operator's own.

        Parameters
        ----------
        cert, key
            PEM files of a CA certificate and its ECDSA key, both or neither.

        Returns
        -------
        bool
            False if there was a CA already, which then stays.

        Raises
        ------
        FolderError
            The operator's pair does not fit, is no CA, or the folder cannot be written.
        """
        if self.exists:
            return False
        with contextlib.suppress(OSError):  # what cannot be made, the first key says
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if cert is not None and key is not None:
            authority = _load_authority(cert, key, chain=False)
            _refuse_unless_ca(authority.certificate, cert)
        else:
            authority = new_platform_authority()
        write_secret(self._key, _key_pem(authority.key))
        write_secret(self._cert, authority.pem)
        return True

    def authority(self) -> Authority:
        """Load the CA.

        Raises
        ------
        FolderError
            There is none; the message names the command that makes one.
        """
        return _load_authority(self._cert, self._key, chain=False)

    def webserver_identity(self) -> ServerIdentity:
        """Return the webserver's certificate, issued at the first call and kept."""
        folder = self.folder / "webserver"
        if not (folder / "cert.pem").exists():
            _save_identity(folder, self.authority().issue(WEBSERVER_NAME))
        return load_identity(folder)


def _refuse_unless_ca(certificate: x509.Certificate, path: Path) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = None
    if constraints is None or not constraints.ca or constraints.path_length == 0:
        raise FolderError(
            f"{path} cannot sign the problems' own CAs: pass a CA certificate "
            "(basicConstraints CA:TRUE, without pathlen:0)."
        )


def _save_identity(folder: Path, identity: ServerIdentity) -> None:
    write_secret(folder / "key.pem", identity.key_pem)
    write_secret(folder / "cert.pem", identity.cert_chain_pem)


class ProblemKeys:
    """One problem's ``keys`` folder: its CA, its servers' certificates, invite and receipt keys.

    Parameters
    ----------
    folder
        The ``keys`` folder of a problem.
    problem_id
        The problem's id, a DNS label.
    """

    def __init__(self, folder: Path, problem_id: str) -> None:
        self.folder = folder
        self.problem_id = problem_id

    @classmethod
    def create(cls, folder: Path, problem_id: str, platform: Authority) -> ProblemKeys:
        """Make everything that is missing; what is there stays as it is.

        Raises
        ------
        FolderError
            The folder cannot be written.
        """
        keys = cls(folder, problem_id)
        if not (folder / "problem-ca.key").exists():
            authority = platform.issue_problem_authority(problem_id)
            write_secret(folder / "problem-ca.pem", authority.pem)
            write_secret(folder / "ca.pem", platform.pem)
            write_secret(folder / "problem-ca.key", _key_pem(authority.key))
        for name in ("invite", "receipt"):
            key = SigningKey.load_or_create(folder / f"{name}.key")
            if not (folder / f"{name}.pub").exists():
                write_secret(folder / f"{name}.pub", key.public_bytes.hex().encode())
        for role, dns_name in (
            ("coordinator", coordinator_name(problem_id)),
            ("operator", operator_name(problem_id)),
        ):
            keys._issue_once(role, dns_name)
        return keys

    @property
    def ca_pem(self) -> bytes:
        """The platform's CA certificate, by which every peer is trusted."""
        return (self.folder / "ca.pem").read_bytes()

    @property
    def invite_key(self) -> SigningKey:
        """The key that signs this problem's invites."""
        return SigningKey.load(self.folder / "invite.key")

    @property
    def receipt_key(self) -> ReceiptKey:
        """The key with which the coordinator signs outcomes."""
        return ReceiptKey.load(self.folder / "receipt.key")

    def public_key(self, name: str) -> bytes:
        """Return the public half of ``invite`` or ``receipt``, 32 raw bytes."""
        return bytes.fromhex((self.folder / f"{name}.pub").read_text())

    def selector(self, number: int) -> Path:
        """Return the folder of selector `number`'s certificate, issued at the first call.

        It holds what the selector's process needs and nothing else: ``cert.pem``, ``key.pem``
        and ``ca.pem``.
        """
        folder = self._issue_once(f"selector-{number}", selector_name(self.problem_id, number))
        if not (folder / "ca.pem").exists():
            write_secret(folder / "ca.pem", self.ca_pem)
        return folder

    def identity(self, role: str) -> ServerIdentity:
        """Load the certificate of ``coordinator``, ``operator`` or ``selector-<n>``."""
        return load_identity(self.folder / role)

    def _issue_once(self, role: str, dns_name: str) -> Path:
        folder = self.folder / role
        if not (folder / "cert.pem").exists():
            authority = _load_authority(
                self.folder / "problem-ca.pem", self.folder / "problem-ca.key", chain=True
            )
            _save_identity(folder, authority.issue(dns_name))
        return folder
