"""What an engine says when it refuses something, and what to do about it."""

from __future__ import annotations

_PORT = (
    "Another program of the host has the port: end that one, or remove the problem's "
    ".fedota/ports.json, so that new ports are chosen (invites must then be made again)."
)
# By a mark in what it says, in lower case; the first that fits.
_REMEDIES = (
    ("no space left", "Its disk is full: free some space (`docker system df` says what takes it)."),
    ("port is already allocated", _PORT),
    ("address already in use", _PORT),
    (
        "could not find an available",
        "All its address pools are in use: remove networks that nobody needs, name a range of your "
        "own in FEDOTA_NETWORK_POOL, or add pools (default-address-pools in its daemon.json).",
    ),
    (
        "overlap",
        "Another network has these addresses: remove that one, or name another range in "
        "FEDOTA_NETWORK_POOL.",
    ),
    (
        "bind source path does not exist",
        "The platform's folder must have the same path for the engine and for the webserver: "
        "mount it so.",
    ),
    ("is already in use by container", "Somebody else's container has that name: rename it."),
    ("not this platform's", "Somebody else's object has that name: rename or remove it."),
    ("refuses", "The engine's proxy is stricter than this webserver: use one release of both."),
)


def refusal(what: str, said: str) -> str:
    """Tell that an engine did not do something, and the remedy where one is known.

    Parameters
    ----------
    what
        It should have done, as ``start the container x``.
    said
        Its own words.
    """
    said = said.strip().rstrip(".")
    lower = said.lower()
    remedy = next((remedy for mark, remedy in _REMEDIES if mark in lower), "")
    return f"The Docker engine does not {what}: {said}. {remedy}".strip()


def divided(sentence: str) -> tuple[str, str]:
    """Divide what is told into what is wrong and what to do; the latter may be empty."""
    for _, remedy in _REMEDIES:
        if sentence.endswith(remedy):
            return sentence.removesuffix(remedy).rstrip(" ."), remedy
    what, _, remedy = sentence.partition(": ")
    return what, remedy[:1].upper() + remedy[1:]
