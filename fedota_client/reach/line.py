"""One way to an address, step by step and by hand, so that what stands in it can be told.

gRPC takes the same steps and says of all failures that it could not connect. Everything here
blocks, each step for at most its deadline; `fedota_client.reach.probe` runs it in a thread.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from fedota_client.reach import words
from fedota_client.reach.certificate import judge
from fedota_client.reach.connect_reply import read_reply
from fedota_client.reach.proxy import Proxy, split_address
from fedota_client.reach.report import BlockedError

_HEAD_BYTES_MOST = 1 << 16


class Line:
    """A connection to an address, directly or through a proxy.

    Parameters
    ----------
    address
        ``host:port``.
    proxy
        None for the direct way.
    timeout_s
        Of each step.
    """

    def __init__(self, address: str, proxy: Proxy | None, *, timeout_s: float) -> None:
        self._address = address
        self._proxy = proxy
        self._timeout_s = timeout_s
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close whatever was opened."""
        for one in self._sockets:
            one.close()

    def resolve(self) -> list[str]:
        """Look up the name of the host, or of the proxy, which looks up the host's itself.

        Returns
        -------
        list of str
            IP addresses.

        Raises
        ------
        BlockedError
            There is no such name.
        """
        host, port = self._next_hop()
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise words.name_not_found(self._address, self._proxy, host, error) from None
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def connect(self) -> str:
        """Open a connection to the address.

        Returns
        -------
        str
            How: ``TCP`` or ``CONNECT``.

        Raises
        ------
        BlockedError
            Somebody refuses, or nobody answers.
        """
        if self._proxy is None:
            self._tcp()
            return "TCP"
        self._through(self._proxy)
        return "CONNECT"

    def secure(self, server_name: str, ca_pem: str) -> str:
        """Speak TLS as gRPC does, and judge who answers.

        Parameters
        ----------
        server_name
            DNS name that the certificate must bear.
        ca_pem
            The platform's CA, the only root that is trusted.

        Returns
        -------
        str
            Version of TLS.

        Raises
        ------
        BlockedError
            It is no TLS, or the certificate is another's.
        """
        context = _context()
        try:
            context.load_verify_locations(cadata=ca_pem)
        except (ssl.SSLError, ValueError):
            raise words.unusable_ca() from None
        try:
            secured = self._shake_hands(context, server_name)
        except ssl.SSLCertVerificationError as error:
            raise judge(
                self._address,
                server_name,
                ca_pem,
                self._shown(server_name),
                error.verify_code,
                now_unix_s=time.time(),
            ) from None
        except TimeoutError:
            raise words.tls_silent(self._address, self._timeout_s) from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise words.tls_cut(self._address) from None
        except ssl.SSLError as error:
            raise words.tls_refused(self._address, error.reason or str(error)) from None
        except OSError:
            raise words.tls_cut(self._address) from None
        if secured.selected_alpn_protocol() != "h2":
            raise words.no_http2(self._address)
        return secured.version() or "TLS"

    def _next_hop(self) -> tuple[str, int]:
        if self._proxy is not None:
            return self._proxy.host, self._proxy.port
        return split_address(self._address)

    def _tcp(self) -> socket.socket:
        try:
            opened = socket.create_connection(self._next_hop(), timeout=self._timeout_s)
        except TimeoutError:
            raise words.timed_out(self._address, self._proxy, self._timeout_s) from None
        except ConnectionRefusedError:
            raise words.refused(self._address, self._proxy) from None
        except OSError as error:
            raise words.no_way(self._address, self._proxy, error) from None
        self._sockets.append(opened)
        return opened

    def _through(self, proxy: Proxy) -> socket.socket:
        opened = self._tcp()
        lines = [f"CONNECT {self._address} HTTP/1.1", f"Host: {self._address}"]
        if proxy.authorization:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        try:
            opened.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            head = _read_head(opened, time.monotonic() + self._timeout_s)
        except TimeoutError:
            raise words.proxy_silent(self._address, proxy, self._timeout_s) from None
        except OSError:
            head = b""
        reply = read_reply(head)
        if reply is None:
            raise words.no_proxy_there(self._address, proxy)
        if not reply.lets_through:
            raise words.proxy_refused(self._address, proxy, reply)
        return opened

    def _shake_hands(self, context: ssl.SSLContext, server_name: str) -> ssl.SSLSocket:
        opened = self._sockets[-1]
        opened.settimeout(self._timeout_s)
        secured = context.wrap_socket(opened, server_hostname=server_name)
        self._sockets.append(secured)
        return secured

    def _shown(self, server_name: str) -> bytes:
        """Return the certificate that is shown, as DER, whoever made it; empty if none comes."""
        context = _context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            self.connect()
            return self._shake_hands(context, server_name).getpeercert(binary_form=True) or b""
        except (BlockedError, OSError):
            return b""


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context


def _read_head(
    opened: socket.socket, until_s: float, now_s: Callable[[], float] = time.monotonic
) -> bytes:
    """Read an answer up to its first empty line, or whatever came before the end."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_BYTES_MOST:
        left_s = until_s - now_s()
        if left_s <= 0:
            raise TimeoutError
        opened.settimeout(left_s)
        # One byte at a time: what follows the empty line is TLS's.
        byte = opened.recv(1)
        if not byte:
            break
        head += byte
    return head
