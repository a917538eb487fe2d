"""What `join` does, in its order: describe, judge, ask, take part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fedota_client.consent import Basis, Choices, Terms, app_terms, ask
from fedota_client.consent.basis import hashed
from fedota_client.dialing import OVER, Dialer
from fedota_client.home import ClientHome
from fedota_client.joining import fetch_problem, prepare
from fedota_client.participation import JoinOptions, make_member, take_part
from fedota_client.personal.flow import PersonalOptions, personalize, result_lines
from fedota_client.progress import Display
from fedota_client.settings import ClientSettings
from fedota_proto.invite import Invite
from fedota_proto.release import release
from fedota_proto.v1 import fl_round_pb2 as pb

NOT_AGREED = 1
STOPPED = 143


class JoinFlow:
    """One run of ``join``.

    Parameters
    ----------
    invite, home
        Of the membership; the folder is locked.
    settings, options
        From the command line, environment and config.toml.
    plain
        Shows what comes before the rounds, line by line.
    display
        Makes what shows the rounds.
    confirm
        Asks a yes-or-no question; None where there is no terminal.
    personal
        What a model of the holder's own is to be at the end; None: none is wanted.
    """

    def __init__(
        self,
        invite: Invite,
        home: ClientHome,
        settings: ClientSettings,
        options: JoinOptions,
        *,
        plain: Display,
        display: Callable[[], Display],
        confirm: Callable[[str], bool] | None,
        personal: PersonalOptions | None = None,
    ) -> None:
        self._invite = invite
        self._home = home
        self._settings = settings
        self._options = options
        self._plain = plain
        self._display = display
        self._confirm = confirm
        self._personal = personal

    def run(self, *, yes: bool) -> int:
        """Do it all.

        Parameters
        ----------
        yes
            Whether ``--yes`` was given.

        Returns
        -------
        int
            Exit code.

        Raises
        ------
        FedotaError
            As each step does; nothing of the data has then left.
        """
        if self._options.app is not None:
            terms, basis = self._app_terms(self._options.app)
        else:
            state = self._fetch().state
            if state in OVER:
                title = self._invite.title
                self._plain.note(f"“{title}” is {state}: there is nothing left to train.")
                return self._tuned(0)
            terms, basis = self._problem_terms()
        if not ask(
            terms, basis, self._home, yes=yes, write=self._plain.note, confirm=self._confirm
        ):
            self._plain.note(
                "You did not agree: nothing has run and nothing has left this machine."
            )
            return NOT_AGREED
        with self._display() as display:
            code = asyncio.run(
                take_part(self._invite, self._home, self._settings, display, self._options)
            )
        return self._tuned(code)

    def _tuned(self, code: int) -> int:
        """Make a model of the holder's own, if it is wanted and the rounds ended well."""
        if code or self._personal is None:
            return code
        with self._display() as display:
            try:
                result = asyncio.run(
                    personalize(
                        self._invite,
                        self._home,
                        self._settings,
                        self._options.policies,
                        self._personal,
                        display,
                    )
                )
            except asyncio.CancelledError:
                return STOPPED
            for line in result_lines(result, self._personal.out):
                display.note(line)
        return 0

    def _fetch(self) -> pb.DescribeReply:
        async def describe() -> pb.DescribeReply:
            dialer = Dialer(
                self._invite,
                make_member(self._invite, self._home),
                self._settings,
                self._plain,
                release=release(),
                with_webserver=True,
            )
            return await fetch_problem(dialer, self._home, self._settings, self._plain)

        return asyncio.run(describe())

    def _app_terms(self, app: Path) -> tuple[Terms, Basis]:
        options = self._options
        options.policies.check_app()
        terms = app_terms(self._invite, str(app), rounds_wanted=options.rounds_wanted)
        return terms, Basis(choices=hashed([str(app.resolve()), options.rounds_wanted]))

    def _problem_terms(self) -> tuple[Terms, Basis]:
        options = self._options
        choices = Choices(
            data=str((options.data or Path()).resolve()),
            rounds_wanted=options.rounds_wanted,
            evaluates=options.evaluates,
            share=options.share,
        )
        prepared = prepare(self._invite, self._home, options.policies, choices)
        self._options = replace(options, noise=prepared.noise)
        return prepared.terms, prepared.basis
