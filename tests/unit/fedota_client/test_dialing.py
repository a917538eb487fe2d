"""What is tried again, and what is given up on; no channel is ever used."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from fedota_client import dialing
from fedota_client.connection import Member
from fedota_client.dialing import Dialer, RefusedError
from fedota_client.progress import PlainDisplay
from fedota_client.settings import ClientSettings
from fedota_proto.credential import ClientKey
from fedota_proto.errors import (
    AuthenticationError,
    BusyError,
    FedotaError,
    InternalError,
    InviteError,
    SessionInUseError,
    StreamError,
    UnreachableError,
    VersionError,
)
from fedota_proto.invite import Invite
from fedota_proto.v1 import fl_round_pb2 as pb

ONE = (("a:1", "selector-1.abcdef123456.fedota"),)
TWO = (*ONE, ("b:1", "selector-2.abcdef123456.fedota"))


class Attempts:
    """A dialer, what it shows, and a clock that the test moves."""

    def __init__(
        self, selectors: tuple[tuple[str, str], ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.now_s = 100.0
        self.lines: list[str] = []
        monkeypatch.setattr(dialing, "time", SimpleNamespace(monotonic=lambda: self.now_s))
        invite = Invite(
            problem_id="abcdef123456",
            title="Tumours",
            node_id=7,
            name="clinic",
            expires_unix_s=0.0,
            ca_pem="",
            receipt_public_key=b"",
            invite_public_key=b"",
            selectors=selectors,
        )
        self.dialer = Dialer(
            invite,
            Member(ClientKey.generate(), "abcdef123456", 7, b"s" * 16),
            ClientSettings(connect_timeout_s=60.0),
            PlainDisplay(self.lines.append),
            rng=random.Random(1),  # noqa: S311
        )

    def fail(self, error: FedotaError, address: str = "a:1", *, greeted: bool = True) -> None:
        link: Any = SimpleNamespace(address=address, greeted=greeted)
        self.dialer.failed(link, error)

    @property
    def waits_s(self) -> float:
        return self.dialer._wait_s


MakeAttempts = Callable[..., Attempts]


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> MakeAttempts:
    def make(selectors: tuple[tuple[str, str], ...] = ONE) -> Attempts:
        return Attempts(selectors, monkeypatch)

    return make


@pytest.mark.parametrize("error", [InviteError("used"), VersionError("old")])
def test_what_no_time_heals_ends_it(attempts: MakeAttempts, error: FedotaError) -> None:
    with pytest.raises(type(error)):
        attempts().fail(error)


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("away"),
        SessionInUseError("in use"),
        BusyError("full"),
        StreamError("odd"),
        InternalError("defect"),
    ],
)
def test_what_may_pass_is_shown_and_tried_again(attempts: MakeAttempts, error: FedotaError) -> None:
    tried = attempts()
    tried.fail(error)
    assert tried.lines == [f"{error.public_message} Trying again."]


def test_a_defect_of_the_other_side_is_not_hammered_at(attempts: MakeAttempts) -> None:
    tried = attempts()
    tried.fail(InternalError("defect"))
    assert tried.waits_s == 5.0
    tried = attempts()
    tried.fail(BusyError("full", retry_after_s=9.0))
    assert tried.waits_s == 9.0
    tried = attempts()
    tried.fail(UnreachableError("away"))
    assert tried.waits_s == 0.0


def test_one_that_never_answered_is_given_up_in_time(attempts: MakeAttempts) -> None:
    tried = attempts(TWO)
    tried.fail(UnreachableError("away"))
    tried.now_s += 60.0
    with pytest.raises(UnreachableError, match=r"within 60 s \(tried a:1, b:1\)"):
        tried.fail(UnreachableError("away"))


def test_one_that_answered_once_is_never_given_up(attempts: MakeAttempts) -> None:
    tried = attempts()
    tried.dialer.reached()
    tried.now_s += 1e6
    tried.fail(UnreachableError("away"))


def test_one_wrong_certificate_among_two_is_passed_by(attempts: MakeAttempts) -> None:
    tried = attempts(TWO)
    tried.fail(AuthenticationError("wrong"), "a:1", greeted=False)
    tried.fail(AuthenticationError("wrong"), "a:1", greeted=False)
    with pytest.raises(AuthenticationError):
        tried.fail(AuthenticationError("wrong"), "b:1", greeted=False)


def test_a_signature_that_is_refused_ends_it(attempts: MakeAttempts) -> None:
    tried = attempts()
    tried.dialer.reached()
    with pytest.raises(AuthenticationError):
        tried.fail(AuthenticationError("not your key"), greeted=True)


def refused(code: str, retry_after_s: float) -> RefusedError:
    return RefusedError(pb.Refusal(code=code, reason="No.", retry_after_s=retry_after_s))


def test_a_final_refusal_is_raised_as_its_error(attempts: MakeAttempts) -> None:
    with pytest.raises(InviteError, match="No"):
        attempts().dialer.refused(refused("invite", 0))


def test_a_passing_refusal_is_waited_out(attempts: MakeAttempts) -> None:
    tried = attempts()
    tried.dialer.refused(refused("busy", 30))
    assert tried.waits_s == 30.0
    assert tried.lines == ["No. Coming back in 30 s."]


@pytest.mark.parametrize("code", ["stopping", "moved", "replaced"])
def test_a_selector_that_stops_is_left_for_another_at_once(
    attempts: MakeAttempts, code: str
) -> None:
    tried = attempts(TWO)
    tried.dialer.refused(refused(code, 2))
    assert tried.waits_s == 0.0
    assert tried.lines == ["No. Trying another."]
    tried = attempts(ONE)
    tried.dialer.refused(refused(code, 2))
    assert tried.waits_s == 2.0
