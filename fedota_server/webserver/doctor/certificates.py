"""Every certificate: whether it is valid, for how long, and signed by the right one."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from fedota_proto.errors import FolderError
from fedota_server.authority import PlatformHome
from fedota_server.webserver.doctor.finding import Finding, fine, problem, warning
from fedota_server.webserver.settings import WebserverSettings

_NAME = "certificates"
_DAY_S = 86_400.0
_SOON_DAYS = 30.0


@dataclass(frozen=True)
class _Held:
    """A certificate of ours.

    Parameters
    ----------
    path
        Its file, the leaf first.
    issuer
        The file of the CA that signed it; None where any will do.
    remedy
        How it is renewed.
    """

    path: Path
    issuer: Path | None
    remedy: str


def check_certificates(settings: WebserverSettings, now: float) -> list[Finding]:
    """Look at the platform's certificates, its problems', and the web page's.

    Parameters
    ----------
    settings
        With the folder, and the web page's own certificate.
    now
        The date.
    """
    home = settings.home
    found = [*_check_page(settings, now)]
    if not PlatformHome(home).exists:
        made = warning(_NAME, f"{home} has no CA yet", "`fedota up` or `fedota init` makes it.")
        return [made, *found]
    PlatformHome(home).authority()  # raises where key and certificate do not belong together
    checked, nearest = 0, float("inf")
    for held in _held(home):
        left_days, findings = _check(held, now)
        found += findings
        checked, nearest = checked + 1, min(nearest, left_days)
    if not found:
        found.append(
            fine(_NAME, f"all {checked} are valid, the first one expires in {nearest:.0f} days")
        )
    return found


def _held(home: Path) -> Iterator[_Held]:
    root = home / "ca" / "ca.pem"
    yield _Held(
        root,
        root,
        "Make a new CA in a new folder with `fedota init`: every problem and invite hangs on it.",
    )
    page = home / "webserver" / "cert.pem"
    if page.exists():
        yield _Held(page, root, f"Remove {page.parent} and start `fedota up` again.")
    for keys in sorted(home.glob("problems/*/.fedota/keys")):
        own = keys / "problem-ca.pem"
        if own.exists():
            yield _Held(own, root, f"Copy the problem: that of {keys.parent.parent.name} expires.")
        for leaf in sorted(keys.glob("*/cert.pem")):
            again = f"Remove {leaf.parent}, then stop and start the problem."
            yield _Held(leaf, own, again)


def _check(held: _Held, now: float) -> tuple[float, list[Finding]]:
    certificate = _load(held.path)
    left_days = (certificate.not_valid_after_utc.timestamp() - now) / _DAY_S
    found = []
    if left_days < 0:
        what = f"{held.path} expired {-left_days:.0f} days ago"
        found.append(problem(_NAME, what, held.remedy))
    elif left_days < _SOON_DAYS:
        what = f"{held.path} expires in {left_days:.0f} days"
        found.append(warning(_NAME, what, held.remedy))
    if certificate.not_valid_before_utc.timestamp() > now:
        found.append(problem(_NAME, f"{held.path} is not valid yet", "Check this machine's clock."))
    if held.issuer is not None and not _signed_by(certificate, _load(held.issuer)):
        what = f"{held.path} was not signed by {held.issuer}"
        found.append(problem(_NAME, what, held.remedy))
    return left_days, found


def _check_page(settings: WebserverSettings, now: float) -> Iterator[Finding]:
    """Look at the certificate that browsers see."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    remedy = "Put a valid certificate and its key there, then start `fedota up` again."
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        what = f"{settings.tls_cert} and {settings.tls_key} cannot be used ({error.strerror})"
        yield problem(_NAME, what, remedy)
        return
    yield from _check(_Held(settings.tls_cert, None, remedy), now)[1]
    host = urlsplit(settings.page_url).hostname or ""
    names = _names(_load(settings.tls_cert))
    if not any(_fits(name, host) for name in names):
        what = f"{settings.tls_cert} is for {', '.join(names) or 'no name'}, the page is at {host}"
        yield warning(_NAME, what, "Set FEDOTA_WEB_URL to the page's address, or get one for it.")


def _load(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FolderError(
            f"{path} is no certificate that can be read: restore it from a backup.",
            detail=repr(error),
        ) from error


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = held.get_values_for_type(x509.IPAddress)
    return [*held.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)]


def _fits(name: str, host: str) -> bool:
    if name.startswith("*."):
        return host.partition(".")[2].lower() == name[2:].lower()
    return name.lower() == host.lower()
