"""Which proxy the environment names for an address, by the rules of gRPC's core.

The core looks into the environment of its process and says nothing of what it cannot use: it then
goes the direct way. `grpc_environment` therefore rewrites, before anything connects, what other
programs understand and the core does not, and `Proxies` tells for each address what it will do.

References
----------
gRPC core, "Environment variables" (``doc/environment_variables.md``): ``grpc_proxy``,
``https_proxy``, ``http_proxy``, ``no_grpc_proxy`` and ``no_proxy``.
"""

from __future__ import annotations

import base64
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from fedota_proto.errors import UsageError

# The core takes the first that is there, even if it is empty.
_PROXY_NAMES = ("grpc_proxy", "https_proxy", "http_proxy")
_EXEMPT_NAMES = ("no_grpc_proxy", "no_proxy")
_DEFAULT_PORT = 443


def grpc_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set so that gRPC's core understands what the environment says.

    Parameters
    ----------
    environ
        As `os.environ`.

    Returns
    -------
    dict
        Lower-case names for those that are there in upper case alone; ``http://`` before a proxy
        that is just ``host:port``; ``.name`` for ``*.name``; no proxy at all where `no_proxy` is
        ``*``.
    """
    wanted: dict[str, str] = {}
    for name in (*_PROXY_NAMES, *_EXEMPT_NAMES):
        given = environ.get(name, environ.get(name.upper()))
        if given is None:
            continue
        text = given.strip()
        if name in _PROXY_NAMES:
            text = text if "://" in text or not text else f"http://{text}"
        else:
            text = ",".join(entry.removeprefix("*.") for entry in _entries(text))
        wanted[name] = text
    if "*" in _entries(_first(wanted, _EXEMPT_NAMES)):
        wanted["grpc_proxy"] = ""
    return {name: text for name, text in wanted.items() if environ.get(name) != text}


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that is asked to CONNECT.

    Parameters
    ----------
    host, port
        Where it is.
    user, password
        For basic authentication; both empty for none.
    variable
        That names it.
    """

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    variable: str = "https_proxy"

    def __str__(self) -> str:
        """Write its address, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def authorization(self) -> str:
        """Value of ``Proxy-Authorization``, empty for none."""
        if not self.user and not self.password:
            return ""
        told = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(told).decode()}"


class Proxies:
    """What the environment says about proxies.

    Parameters
    ----------
    environ
        As `os.environ`, before or after `grpc_environment` is in it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        environ = {**environ, **grpc_environment(environ)}
        names = [name for name in _PROXY_NAMES if name in environ]
        self._variable = names[0] if names else ""
        self._url = environ[self._variable].strip() if names else ""
        self._exempt = _entries(_first(environ, _EXEMPT_NAMES))

    @classmethod
    def of_process(cls) -> Self:
        """Read this process's environment, which is where gRPC's core looks."""
        return cls(os.environ)

    def for_address(self, address: str) -> Proxy | None:
        """Return the proxy for ``host:port``, None where the way is direct.

        Raises
        ------
        UsageError
            The environment names a proxy for it that gRPC cannot use.
        """
        if not self._url or self.exempts(split_address(address)[0]):
            return None
        try:
            url = urlsplit(self._url)
            port = url.port or _DEFAULT_PORT
        except ValueError:
            url, port = SplitResult("", "", "", "", ""), 0
        if url.scheme != "http" or not url.hostname:
            kind = f"{url.scheme}:// proxies are" if url.scheme and url.hostname else "it is"
            raise UsageError(
                f"The proxy that {self._variable} names cannot be used ({kind} not supported): "
                "set it to http://HOST:PORT, the form in which most institutions' proxies are "
                f"also reached, or put the host of {address} into no_proxy if no proxy is needed."
            )
        return Proxy(
            url.hostname,
            port,
            unquote(url.username or ""),
            unquote(url.password or ""),
            self._variable,
        )

    def exempts(self, host: str) -> bool:
        """Tell whether the environment takes this host out."""
        host = host.lower()
        return any(_covers(entry.lower(), host) for entry in self._exempt)


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port``; the host of ``[::1]:80`` is ``::1``.

    Raises
    ------
    UsageError
        There is no port.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise UsageError(f"“{address}” is no host:port: ask the problem's setter for a new invite.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[name] for name in names if name in environ), "")


def _entries(text: str) -> tuple[str, ...]:
    return tuple(entry for part in text.split(",") if (entry := part.strip()))


def _covers(entry: str, host: str) -> bool:
    """Tell whether an entry of ``no_proxy`` covers a host: itself, a name below it, a network."""
    if host == entry or host.endswith("." + entry.removeprefix(".")):
        return True
    if host == entry.removeprefix("."):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
