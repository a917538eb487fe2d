"""`fedota-client connect-check`: what is said of a path that is free, and of one that is not."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.connect_proxy import ConnectProxy
from support.programs import Finished, command, environment

from fedota_client.reach.probe import probe
from fedota_client.reach.proxy import Proxies
from fedota_client.reach.report import Step
from fedota_proto.invite import Invite, sign_invite
from fedota_proto.tls import WEBSERVER_NAME, selector_name
from fedota_server.authority import Authority, PlatformHome, ProblemKeys

from .client_wire.doubles import PROBLEM_ID, ScriptedSelector, make_keys

CLIENT = "fedota_client"


@dataclass
class Site:
    """A selector that answers Hello, and a hospital that would reach it."""

    keys: ProblemKeys
    selector: ScriptedSelector
    folder: Path

    def invite(self, *addresses: tuple[str, str], webserver: str = "", ca_pem: str = "") -> Path:
        """Write an invite to these addresses, or to the selector."""
        key = self.keys.invite_key
        invite = Invite(
            problem_id=PROBLEM_ID,
            title="Tumours",
            node_id=7,
            name="clinic",
            expires_unix_s=time.time() + 3600,
            ca_pem=ca_pem or self.keys.ca_pem.decode(),
            receipt_public_key=self.keys.receipt_key.public_bytes,
            invite_public_key=key.public_bytes,
            selectors=addresses or (self.at(self.selector.address),),
            webserver=webserver,
        )
        path = self.folder / "clinic.invite"
        path.write_text(sign_invite(key, invite).text)
        return path

    def at(self, address: str, number: int = 1) -> tuple[str, str]:
        """Pair an address with a selector's name."""
        return address, selector_name(PROBLEM_ID, number)

    async def check(self, *arguments: str | Path, **variables: str) -> Finished:
        """Run the command in an environment without other proxies than these."""
        home = self.folder / "no-home-yet"
        env = {
            name: value
            for name, value in environment(FEDOTA_CLIENT_HOME=str(home)).items()
            if not name.lower().endswith("_proxy")
        }
        given = arguments or (self.invite(),)
        done = await command(CLIENT, "connect-check", *given, env={**env, **variables})
        assert not home.exists(), "nothing is to be made"
        return done

    async def blocked(
        self, invite: Path | None = None, *, timeout_s: float = 10.0, **variables: str
    ) -> tuple[Step | None, str, str]:
        """Return step, code and sentence of the first address, which must fail."""
        parsed = Invite.parse((invite or self.invite()).read_text())
        proxies = Proxies(variables)
        report = await probe(parsed, proxies, timeout_s=timeout_s)
        assert not report.works
        first = report.addresses[0]
        return first.failed, first.code, first.sentence


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    keys = make_keys(tmp_path)
    selector = ScriptedSelector(1)
    await selector.start(keys)
    yield Site(keys, selector, tmp_path)
    await selector.stop()


def certificate(
    folder: Path,
    issuer: str | Authority,
    *names: str,
    begins: dt.timedelta,
    ends: dt.timedelta,
) -> tuple[Path, Path]:
    """Make a certificate by somebody else's CA, or the platform's, as files that a server loads."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    if isinstance(issuer, str):
        by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
        signs = ec.generate_private_key(ec.SECP256R1())
    else:
        by, signs = issuer.certificate.subject, issuer.key
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), critical=False)
        .sign(signs, hashes.SHA256())
    )
    paths = folder / "shown.pem", folder / "shown.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


DAY = dt.timedelta(days=1)


# What is told where the path is free.


async def test_a_free_path_is_told_with_a_list_for_the_firewall(site: Site) -> None:
    done = await site.check()
    assert done.code == 0, done
    address = site.selector.address
    assert "direct" in done.out
    assert "Everything works" in done.out
    assert "For a firewall request:" in done.out
    assert done.out.rstrip().endswith(address)
    assert site.selector.hellos == 1
    assert site.selector.calls == [], "nothing but Hello is called"


async def test_the_invite_may_be_text_file_standard_input_or_stored(
    site: Site, tmp_path: Path
) -> None:
    path = site.invite()
    home = tmp_path / "stored"
    home.mkdir()
    (home / "invite").write_text(path.read_text())
    assert (await site.check(path.read_text())).code == 0
    assert (await site.check("--home", home)).code == 0
    assert [entry.name for entry in home.iterdir()] == ["invite"]
    env = environment(FEDOTA_CLIENT_HOME=str(tmp_path / "none"))
    piped = await command(CLIENT, "connect-check", "-", env=env, stdin=path.read_text())
    assert piped.code == 0
    nothing = await command(CLIENT, "connect-check", env=env)
    nothing.is_one_sentence(2, "No invite was given")


async def test_a_proxy_is_shown_without_its_password(site: Site) -> None:
    async with ConnectProxy(user="ann", password="secret") as proxy:
        done = await site.check(https_proxy=proxy.url_for("ann", "secret"))
        assert done.code == 0, done
        assert proxy.url in done.out
        assert "secret" not in done.out + done.err
        # Once by hand, once by gRPC.
        assert proxy.passed == [site.selector.address] * 2


async def test_a_wrong_clock_is_told_though_it_is_in_nobodys_way(site: Site) -> None:
    site.selector.clock_ahead_s = 7200
    done = await site.check()
    assert done.code == 0, done
    assert "This machine's clock is 2 hours behind the platform's" in done.out


async def test_a_proxy_without_http_before_it_is_understood(site: Site) -> None:
    async with ConnectProxy() as proxy:
        done = await site.check(site.invite(), "--json", HTTPS_PROXY=proxy.address)
        assert json.loads(done.out)["addresses"][0]["way"] == proxy.url
        assert len(proxy.passed) == 2


async def test_one_selector_that_works_is_enough_and_the_others_are_named(site: Site) -> None:
    closed = f"127.0.0.1:{free_port()}"
    invite = site.invite(
        site.at(site.selector.address), site.at(closed, 2), webserver=f"localhost:{free_port()}"
    )
    done = await site.check(invite)
    assert done.code == 0, done
    assert f"{closed} refuses connections" in done.out
    assert f"cannot use {closed}, localhost:" in " ".join(done.out.split())
    found = json.loads((await site.check(invite, "--json")).out)
    assert found["works"]
    assert [one["works"] for one in found["addresses"]] == [True, False, False]
    assert [one["kind"] for one in found["addresses"]] == ["selector", "selector", "webserver"]
    assert found["addresses"][2]["server_name"] == WEBSERVER_NAME
    assert found["firewall"][:2] == [site.selector.address, closed]


# What stands in the way, each in one sentence with its remedy.


def free_port() -> int:
    """Return a port of loopback on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_a_name_that_is_not_found(site: Site) -> None:
    invite = site.invite(site.at("selector.invalid:20001"))
    step, code, sentence = await site.blocked(invite)
    assert (step, code) == (Step.NAME, "name-not-found")
    assert "selector.invalid is not found" in sentence
    done = await site.check(invite)
    assert done.code == 1
    assert "No selector of “Tumours” can be used from here." in done.out
    assert "selector.invalid:20001" in done.out.split("For a firewall request:")[1]


async def test_nobody_answers(site: Site) -> None:
    # A queue of connections that is full answers no more: as a firewall that drops.
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        step, code, sentence = await site.blocked(site.invite(site.at(address)), timeout_s=0.5)
    assert (step, code) == (Step.CONNECTION, "timed-out")
    assert "firewall that drops" in sentence


async def test_the_proxy_is_not_there(site: Site) -> None:
    proxy = f"http://ann:secret@127.0.0.1:{free_port()}"
    step, code, sentence = await site.blocked(https_proxy=proxy)
    assert (step, code) == (Step.CONNECTION, "proxy-refused")
    assert "secret" not in sentence
    step, code, _ = await site.blocked(https_proxy="http://proxy.invalid:3128")
    assert (step, code) == (Step.NAME, "proxy-name-not-found")


async def test_the_proxy_speaks_tls_itself(site: Site) -> None:
    step, code, sentence = await site.blocked(https_proxy="https://ann:secret@127.0.0.1:3128")
    assert (step, code) == (Step.WAY, "usage")
    assert "https:// proxies are not supported" in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize(
    ("credentials", "offers", "code", "words"),
    [
        ("", (), "proxy-wants-password", "wants a user's name and password"),
        ("ann:wrong", (), "proxy-wrong-password", "does not accept the user “ann”"),
        ("", ("Negotiate", "NTLM"), "proxy-wants-other-authentication", "(Negotiate or NTLM;"),
        (
            "ann:word",
            ('Digest realm="clinic", nonce="n"',),
            "proxy-wants-other-authentication",
            "(Digest;",
        ),
    ],
)
async def test_the_proxy_wants_authentication(
    site: Site, credentials: str, offers: tuple[str, ...], code: str, words: str
) -> None:
    user = "" if offers else "ann"
    async with ConnectProxy(user=user, password="word", offers=offers) as proxy:
        url = f"http://{credentials}@{proxy.address}" if credentials else proxy.url
        step, found, sentence = await site.blocked(https_proxy=url)
    assert (step, found) == (Step.CONNECTION, code)
    assert words in sentence
    assert "wrong" not in sentence


@pytest.mark.parametrize(
    ("refuses", "code"),
    [
        ("403 Forbidden", "proxy-forbids"),
        ("405 Method Not Allowed", "proxy-forbids"),
        ("502 Bad Gateway", "proxy-could-not-reach"),
    ],
)
async def test_the_proxy_does_not_let_the_port_through(site: Site, refuses: str, code: str) -> None:
    async with ConnectProxy(refuses=refuses) as proxy:
        step, found, sentence = await site.blocked(https_proxy=proxy.url)
    assert (step, found) == (Step.CONNECTION, code)
    assert f"({refuses})" in sentence
    assert site.selector.address in sentence


async def test_the_proxy_never_answers(site: Site) -> None:
    async with ConnectProxy(silent=True) as proxy:
        step, code, _ = await site.blocked(https_proxy=proxy.url, timeout_s=0.5)
    assert (step, code) == (Step.CONNECTION, "proxy-silent")


async def test_what_is_named_as_proxy_is_none(site: Site) -> None:
    step, code, _ = await site.blocked(https_proxy=f"http://{site.selector.address}")
    assert (step, code) == (Step.CONNECTION, "no-proxy")


async def test_the_proxy_puts_in_its_own_certificate(site: Site, tmp_path: Path) -> None:
    shown = certificate(
        tmp_path, "Clinic Inspection CA", selector_name(PROBLEM_ID, 1), begins=-DAY, ends=DAY
    )
    async with ConnectProxy(shows=shown) as proxy:
        step, code, sentence = await site.blocked(https_proxy=proxy.url)
    assert (step, code) == (Step.TLS, "intercepted")
    assert "issued by “Clinic Inspection CA”" in sentence
    assert f"exempt {site.selector.address} from TLS inspection" in sentence


@pytest.mark.parametrize(
    ("begins", "ends", "code", "words"),
    [
        (-2 * DAY, -DAY, "expired", "has expired (it ended on 2"),
        (DAY, 2 * DAY, "not-yet-valid", "is not valid yet (it begins on 2"),
    ],
)
async def test_a_certificate_out_of_its_time_or_a_wrong_clock(
    site: Site, tmp_path: Path, begins: dt.timedelta, ends: dt.timedelta, code: str, words: str
) -> None:
    authority = PlatformHome(tmp_path / "platform").authority()
    name = selector_name(PROBLEM_ID, 1)
    shown = certificate(tmp_path, authority, name, begins=begins, ends=ends)
    async with ConnectProxy(shows=shown) as proxy:
        step, found, sentence = await site.blocked(https_proxy=proxy.url)
    assert (step, found) == (Step.TLS, code)
    assert words in sentence
    assert f"this machine's clock says {dt.datetime.now(dt.UTC):%Y-%m}" in sentence


async def test_a_server_of_another_platform(site: Site, tmp_path: Path) -> None:
    other = PlatformHome(tmp_path / "other")
    other.init()
    ca_pem = other.authority().pem.decode()
    step, code, sentence = await site.blocked(site.invite(ca_pem=ca_pem))
    assert (step, code) == (Step.TLS, "other-platform")
    assert "another Fedota platform" in sentence


async def test_another_server_of_the_platform(site: Site) -> None:
    invite = site.invite(site.at(site.selector.address, number=2))
    step, code, sentence = await site.blocked(invite)
    assert (step, code) == (Step.TLS, "other-server")
    assert selector_name(PROBLEM_ID, 1) in sentence


async def test_something_else_answers_at_the_address(site: Site) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        await writer.drain()

    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    codes = []
    for serves in (answer, cut):
        server = await asyncio.start_server(serves, "127.0.0.1", 0)
        async with server:
            address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            step, code, _ = await site.blocked(site.invite(site.at(address)))
            codes.append((step, code))
    assert codes == [(Step.TLS, "no-tls"), (Step.TLS, "tls-cut")]


async def test_versions_that_differ_and_another_problem(site: Site) -> None:
    site.selector.protocol += 1
    step, code, sentence = await site.blocked()
    assert (step, code) == (Step.HELLO, "version")
    assert "update this client" in sentence
    site.selector.protocol -= 1
    site.selector.problem_id = "fedcba654321"
    step, code, sentence = await site.blocked()
    assert (step, code) == (Step.HELLO, "invite")
    assert "another problem" in sentence
