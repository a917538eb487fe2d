"""What is said of all addresses together."""

from __future__ import annotations

import io
import json

from rich.console import Console

from fedota_client.reach.report import AddressReport, ReachReport, Step
from fedota_client.reach.table import show

WORKS = dict.fromkeys(Step, "fine")


def report(*addresses: AddressReport) -> ReachReport:
    """Report on a problem's addresses."""
    return ReachReport("Tumours", addresses)


def good(address: str, *, is_webserver: bool = False) -> AddressReport:
    """An address that works."""
    return AddressReport(
        address, "x.fedota", is_webserver=is_webserver, way="direct", passed=dict(WORKS)
    )


def bad(address: str) -> AddressReport:
    """An address with nobody there."""
    return AddressReport(
        address, "x.fedota", failed=Step.NAME, code="c", sentence=f"{address} is not found."
    )


def shown(of: ReachReport) -> str:
    """What a person sees."""
    out = io.StringIO()
    show(of, Console(file=out, width=200))
    return out.getvalue()


def test_all_work() -> None:
    found = report(good("a:1"), good("b:1"), good("w:1", is_webserver=True))
    assert found.works
    text = shown(found)
    assert "Everything works" in text
    assert text.rstrip().splitlines()[-3:] == ["  a:1", "  b:1", "  w:1"]


def test_one_selector_is_enough() -> None:
    found = report(bad("a:1"), good("b:1"))
    assert found.works
    assert "it cannot use a:1." in found.summary
    assert "a:1 is not found." in shown(found)


def test_the_webserver_alone_is_not() -> None:
    found = report(bad("a:1"), good("w:1", is_webserver=True))
    assert not found.works
    assert "No selector of “Tumours”" in found.summary


def test_nothing_is_taken_for_markup() -> None:
    assert "[::1]:80" in shown(report(good("[::1]:80")))


def test_the_proxy_is_named_once() -> None:
    through = good("a:1")
    through.way = "http://proxy:1"
    other = good("b:1")
    other.way = "http://proxy:1"
    assert shown(report(through, other)).count("through the proxy http://proxy:1, by CONNECT") == 1


def test_each_address_is_asked_for_once() -> None:
    assert report(good("a:443"), good("a:443"), bad("b:1")).firewall == ("a:443", "b:1")


def test_scripts_get_the_same() -> None:
    document = json.loads(json.dumps(report(bad("a:1"), good("b:1")).as_json()))
    assert document["works"] is True
    first, second = document["addresses"]
    assert (first["failed"], first["code"], first["problem"]) == ("name", "c", "a:1 is not found.")
    assert second["passed"]["hello"] == "fine"
    assert document["firewall"] == ["a:1", "b:1"]
