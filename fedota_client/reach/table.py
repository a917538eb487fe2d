"""How a report of `connect-check` looks to people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedota_client.reach.report import AddressReport, ReachReport, Step

_HEADS = {
    Step.NAME: "name",
    Step.CONNECTION: "connection",
    Step.TLS: "TLS",
    Step.HELLO: "answer",
}


def show(report: ReachReport, console: Console) -> None:
    """Print the table, what stands in the way, and the list for a firewall request.

    Parameters
    ----------
    report
        As `fedota_client.reach.probe.probe` returns it.
    console
        Where to.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head in ("address", "who", "way", *_HEADS.values()):
        table.add_column(head, overflow="fold")
    for one in report.addresses:
        cells = [one.address, one.kind, one.way or one.cell(Step.WAY)]
        cells += [one.cell(step) for step in _HEADS]
        table.add_row(*map(Text, cells), style="" if one.works else "red")
    console.print(table)
    console.print()
    for one in report.addresses:
        if not one.works:
            _line(console, one.sentence, "red")
    for note in dict.fromkeys(one.note for one in report.addresses if one.note):
        _line(console, note, "yellow")
    for sentence in _shared_way(report.addresses):
        _line(console, sentence)
    _line(console, report.summary, "bold green" if report.works else "bold red")
    console.print()
    _line(console, "For a firewall request:", "bold")
    _line(console, "outgoing TCP, TLS from end to end (not inspected), connections that stay open")
    for address in report.firewall:
        _line(console, f"  {address}")


def _shared_way(addresses: tuple[AddressReport, ...]) -> list[str]:
    """Say that it is the proxy whom a request concerns, where there is one."""
    proxies = dict.fromkeys(one.way for one in addresses if one.way.startswith("http://"))
    return [f"The way goes through the proxy {proxy}, by CONNECT." for proxy in proxies]


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
