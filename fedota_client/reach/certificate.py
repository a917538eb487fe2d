"""Why a server's certificate is not the one that should have come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from fedota_client.reach.report import BlockedError

# OpenSSL's X509_V_ERR_…, as `ssl.SSLCertVerificationError.verify_code` gives them.
NOT_YET_VALID, EXPIRED, HOSTNAME_MISMATCH = 9, 10, 62

_OURS = ".fedota"
_ORGANIZATION = "Fedota"


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in a certificate.

    Parameters
    ----------
    names
        DNS names, else the subject's common name.
    issuer
        For people: common name and organization.
    is_ours
        Whether some Fedota platform issued it, by what it says itself.
    begins, ends
        When it is valid.
    """

    names: tuple[str, ...]
    issuer: str
    is_ours: bool
    begins: datetime
    ends: datetime


def read_certificate(der: bytes) -> Shown | None:
    """Read a certificate; None if it is not readable."""
    try:
        read = x509.load_der_x509_certificate(der)
        organizations = _values(read.issuer, NameOID.ORGANIZATION_NAME)
        commons = _values(read.issuer, NameOID.COMMON_NAME)
        return Shown(
            names=_dns_names(read) or _values(read.subject, NameOID.COMMON_NAME),
            issuer=", ".join(dict.fromkeys((*commons, *organizations))) or "nobody",
            is_ours=organizations == (_ORGANIZATION,),
            begins=read.not_valid_before_utc,
            ends=read.not_valid_after_utc,
        )
    except ValueError:
        return None


def judge(
    address: str,
    server_name: str,
    ca_pem: str,
    der: bytes,
    verify_code: int,
    *,
    now_unix_s: float,
) -> BlockedError:
    """Say why a certificate was refused.

    Parameters
    ----------
    address, server_name
        Where it was shown, and the name that it should bear.
    ca_pem
        The platform's CA, as in the invite.
    der
        What was shown; empty if it is not known.
    verify_code
        OpenSSL's.
    now_unix_s
        This machine's clock.

    Returns
    -------
    BlockedError
        To be raised.
    """
    shown = read_certificate(der)
    now = datetime.fromtimestamp(now_unix_s, UTC)
    if verify_code in (EXPIRED, NOT_YET_VALID):
        return _untimely(address, shown, ca_pem, now, late=verify_code == EXPIRED)
    if shown is None:
        return BlockedError(
            "certificate",
            f"{address} shows a certificate that is not this platform's: ask the problem's setter "
            "whether the address is right.",
        )
    named = ", ".join(shown.names[:3]) or "nobody"
    if verify_code == HOSTNAME_MISMATCH:
        return BlockedError(
            "other-server",
            f"{address} leads to another server of this platform ({named} in place of "
            f"{server_name}): ask the problem's setter for a new invite.",
        )
    if shown.is_ours:
        return BlockedError(
            "other-platform",
            f"{address} belongs to another Fedota platform than the invite (its certificate for "
            f"{named} is by another CA): ask the problem's setter for a new invite, which is "
            "needed after a platform was set up anew.",
        )
    taken = (
        ""
        if any(name.endswith(_OURS) for name in shown.names)
        else (
            " If they say that there is none, another server has this address: ask the problem's "
            "setter."
        )
    )
    return BlockedError(
        "intercepted",
        f"A proxy or firewall on the way to {address} puts in a certificate of its own, issued by "
        f"“{shown.issuer}” for {named}: ask your network's administrators to exempt {address} "
        f"from TLS inspection.{taken}",
    )


def _untimely(
    address: str, shown: Shown | None, ca_pem: str, now: datetime, *, late: bool
) -> BlockedError:
    """Compare this machine's clock with what is out of its time: the certificate, or its CA."""
    meant = shown
    if shown is not None and shown.begins <= now <= shown.ends:
        meant = read_certificate(_der(ca_pem))
    if late:
        code, state = "expired", "has expired"
        bound = f"it ended on {_words(meant.ends)}, and " if meant else ""
    else:
        code, state = "not-yet-valid", "is not valid yet"
        bound = f"it begins on {_words(meant.begins)}, and " if meant else ""
    return BlockedError(
        code,
        f"The certificate of {address} {state} ({bound}this machine's clock says {_words(now)}): "
        "if the clock is wrong, set it; else the platform's operator has to renew the certificate.",
    )


def _words(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _der(pem: str) -> bytes:
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


def _dns_names(read: x509.Certificate) -> tuple[str, ...]:
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> tuple[str, ...]:
    return tuple(str(entry.value) for entry in name.get_attributes_for_oid(oid))
