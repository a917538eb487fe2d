"""One sentence for each thing that stands in the way, with the remedy."""

from __future__ import annotations

from fedota_client.reach.connect_reply import ConnectReply
from fedota_client.reach.proxy import Proxy
from fedota_client.reach.report import BlockedError

_ADMINISTRATORS = "ask your network's administrators"
# Statuses by which a proxy says that it did try.
_COULD_NOT_REACH = frozenset({500, 502, 503, 504})


def name_not_found(
    address: str, proxy: Proxy | None, host: str, error: OSError | UnicodeError
) -> BlockedError:
    """Say that a host's name, or the proxy's, leads nowhere."""
    why = _why(error) if isinstance(error, OSError) else "it is no name"
    if proxy is not None:
        return BlockedError(
            "proxy-name-not-found",
            f"The name of the proxy, {host}, is not found ({why}): correct {proxy.variable}, or "
            "check that this machine is in the network in which the proxy is known.",
        )
    return BlockedError(
        "name-not-found",
        f"The name {host} is not found ({why}): check this machine's DNS and network, and ask the "
        f"problem's setter whether {address} is right; where only a proxy knows names from "
        "outside, set https_proxy.",
    )


def name_silent(proxy: Proxy | None, host: str, timeout_s: float) -> BlockedError:
    """Say that nobody answers what a name stands for."""
    what = "the proxy" if proxy is not None else "the host"
    return BlockedError(
        "name-timed-out",
        f"The name of {what}, {host}, could not be looked up within {timeout_s:g} s: check this "
        "machine's DNS; where only a proxy knows names from outside, set https_proxy.",
    )


def refused(address: str, proxy: Proxy | None) -> BlockedError:
    """Say that nothing listens, or that a firewall refuses at once."""
    if proxy is not None:
        return BlockedError(
            "proxy-refused",
            f"The proxy {proxy} refuses connections: correct {proxy.variable} (host and port), or "
            f"{_ADMINISTRATORS} whether it runs.",
        )
    return BlockedError(
        "refused",
        f"{address} refuses connections: nothing listens there now, or a firewall refuses; ask the "
        "problem's setter whether the problem is served, then your network's administrators for "
        f"outgoing TCP to {address}.",
    )


def timed_out(address: str, proxy: Proxy | None, timeout_s: float) -> BlockedError:
    """Say that packets vanish."""
    if proxy is not None:
        return BlockedError(
            "proxy-timed-out",
            f"The proxy {proxy} did not answer within {timeout_s:g} s: correct {proxy.variable}, "
            f"or {_ADMINISTRATORS} whether this machine may use it.",
        )
    return BlockedError(
        "timed-out",
        f"{address} did not answer within {timeout_s:g} s, as behind a firewall that drops what it "
        f"does not allow: {_ADMINISTRATORS} for outgoing TCP to {address}, or for the proxy to be "
        "set as https_proxy.",
    )


def no_way(address: str, proxy: Proxy | None, error: OSError) -> BlockedError:
    """Say that this machine knows no way there."""
    why = _why(error)
    if proxy is not None:
        return BlockedError(
            "proxy-unreachable",
            f"The proxy {proxy} cannot be reached ({why}): correct {proxy.variable}, or check this "
            "machine's network.",
        )
    return BlockedError(
        "unreachable",
        f"{address} cannot be reached ({why}): check this machine's network, and "
        f"{_ADMINISTRATORS} for outgoing TCP to {address}.",
    )


def proxy_silent(address: str, proxy: Proxy, timeout_s: float) -> BlockedError:
    """Say that a proxy takes the request and does not answer."""
    return BlockedError(
        "proxy-silent",
        f"The proxy {proxy} did not say within {timeout_s:g} s whether it lets {address} through: "
        f"{_ADMINISTRATORS} whether it allows CONNECT to that port, and ask the problem's setter "
        "whether the problem is served.",
    )


def no_proxy_there(address: str, proxy: Proxy) -> BlockedError:
    """Say that what answers is no HTTP proxy."""
    return BlockedError(
        "no-proxy",
        f"{proxy} does not answer as an HTTP proxy does: correct {proxy.variable} (a SOCKS proxy, "
        f"or one that is itself reached by TLS, cannot be used), or put the host of {address} into "
        "no_proxy if no proxy is needed.",
    )


def proxy_refused(address: str, proxy: Proxy, reply: ConnectReply) -> BlockedError:
    """Say why a proxy does not let an address through."""
    if reply.status == 407:
        return _authentication(address, proxy, reply)
    if reply.status in _COULD_NOT_REACH:
        return BlockedError(
            "proxy-could-not-reach",
            f"The proxy {proxy} does not get through to {address} ({reply}): ask the problem's "
            "setter whether the problem is served, then your network's administrators whether the "
            f"proxy may connect to {address}.",
        )
    return BlockedError(
        "proxy-forbids",
        f"The proxy {proxy} forbids {address} ({reply}): {_ADMINISTRATORS} to allow CONNECT to "
        "that host and port; many proxies allow port 443 alone, on which the platform's operator "
        "can offer its selectors too.",
    )


def _authentication(address: str, proxy: Proxy, reply: ConnectReply) -> BlockedError:
    if not reply.takes_basic:
        wanted = " or ".join(reply.schemes) or "unknown"
        return BlockedError(
            "proxy-wants-other-authentication",
            f"The proxy {proxy} wants authentication that gRPC does not know ({wanted}; it knows "
            f"Basic alone): {_ADMINISTRATORS} to exempt {address} from it, or set https_proxy to a "
            "helper proxy on this machine that signs in for you, as your institution offers it.",
        )
    form = (
        f"https_proxy=http://USER:PASSWORD@{proxy.host}:{proxy.port} "
        "(with %40 for @ and %3A for : in them)"
    )
    if proxy.authorization:
        return BlockedError(
            "proxy-wrong-password",
            f"The proxy {proxy} does not accept the user “{proxy.user}” with this password: "
            f"correct it in {proxy.variable}, as {form}.",
        )
    return BlockedError(
        "proxy-wants-password",
        f"The proxy {proxy} wants a user's name and password: set {form}.",
    )


def unusable_ca() -> BlockedError:
    """Say that an invite's CA is no certificate."""
    return BlockedError(
        "invite",
        "The CA certificate in the invite cannot be read: ask the problem's setter for a new "
        "invite.",
    )


def tls_silent(address: str, timeout_s: float) -> BlockedError:
    """Say that a connection opens on which nobody speaks."""
    return BlockedError(
        "tls-timed-out",
        f"A connection to {address} opens, but nobody speaks TLS on it within {timeout_s:g} s: a "
        f"firewall on the way may hold it back; {_ADMINISTRATORS} to let TLS to {address} pass "
        "uninspected, and ask the problem's setter whether the problem is served.",
    )


def tls_cut(address: str) -> BlockedError:
    """Say that a connection is cut as soon as TLS begins."""
    return BlockedError(
        "tls-cut",
        f"The connection to {address} is cut as soon as TLS begins, as a firewall does that does "
        f"not know this server: {_ADMINISTRATORS} to let TLS to {address} pass uninspected, and "
        "ask the problem's setter whether the problem is served.",
    )


def tls_refused(address: str, reason: str) -> BlockedError:
    """Say that something else than a server of Fedota answers."""
    return BlockedError(
        "no-tls",
        f"What answers at {address} does not speak TLS as Fedota's servers do "
        f"({reason.replace('_', ' ').lower()}): ask the problem's setter whether the address is "
        "right, and your network's administrators whether something on the way answers instead.",
    )


def no_http2(address: str) -> BlockedError:
    """Say that TLS ends at something that does not know HTTP/2."""
    return BlockedError(
        "no-http2",
        f"{address} speaks TLS but not HTTP/2, which gRPC needs: tell the platform's operator that "
        "whatever stands before it has to pass TLS through unterminated.",
    )


def hello_silent(address: str, timeout_s: float) -> BlockedError:
    """Say that TLS stands and gRPC gets no answer."""
    return BlockedError(
        "hello-timed-out",
        f"{address} speaks TLS, but did not answer a call within {timeout_s:g} s: ask the "
        "problem's setter whether the problem is served, and your network's administrators "
        "whether HTTP/2 passes.",
    )


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).strip().rstrip(".")
