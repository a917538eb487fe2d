"""Whether a caller is who it says, and whether its key or its invite opens this door."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from fedota_proto.credential import PROTOCOL, Challenges, verify_credential
from fedota_proto.errors import AuthenticationError, InviteError, VersionError
from fedota_proto.invite import Invite
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb

MEMBERSHIP_OVER = (
    "The membership of this client has ended: it left, or its setter has revoked it. To take part "
    "again, ask the problem's setter for a new invite."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call, by a signature that has been checked.

    Parameters
    ----------
    node_id, session_id, public_key
        As in the credential.
    invite
        The text of its invite, or empty.
    """

    node_id: int
    session_id: bytes
    public_key: bytes
    invite: str


def check_version(version: records_pb.Version, *, peer: str, us: str, release: str) -> None:
    """Refuse a peer of another protocol.

    Parameters
    ----------
    version
        The peer's.
    peer, us
        How to name both sides, as ``"client"`` and ``"selector"``.
    release
        This one, for people.

    Raises
    ------
    VersionError
        The protocols' numbers differ; says which side to update.
    """
    theirs = version.protocol
    if theirs == PROTOCOL:
        return
    older = peer if theirs < PROTOCOL else us
    raise VersionError(
        f"This {peer} speaks protocol {theirs} (release {version.release or 'unknown'}), the {us} "
        f"protocol {PROTOCOL} (release {release or 'unknown'}): update the {older}.",
        ours=PROTOCOL,
        theirs=theirs,
    )


class Doorkeeper:
    """Challenges, bindings and the invite key; what it knows of the last two comes from above.

    Parameters
    ----------
    problem_id
        The problem that is served.
    challenges
        Those handed out.
    clock, unix_clock
        Monotonic seconds, and seconds since 1970.
    """

    def __init__(
        self,
        problem_id: str,
        challenges: Challenges,
        clock: Callable[[], float],
        unix_clock: Callable[[], float],
    ) -> None:
        self._problem_id = problem_id
        self._challenges = challenges
        self._clock = clock
        self._unix_clock = unix_clock
        self._bindings: dict[int, tuple[bytes, bool]] = {}
        self._invite_public_key = b""

    def new_challenge(self) -> bytes:
        """Hand out a challenge."""
        return self._challenges.issue(self._clock())

    def learn(self, bindings: Iterable[intra.Binding], invite_public_key: bytes) -> None:
        """Take over all bindings and the key of the problem's invites."""
        self._bindings = {b.node_id: (b.public_key, b.revoked) for b in bindings}
        self._invite_public_key = invite_public_key

    def bind(self, binding: intra.Binding) -> None:
        """Take over one binding."""
        self._bindings[binding.node_id] = (binding.public_key, binding.revoked)

    def is_revoked(self, node_id: int) -> bool:
        """Tell whether a membership has ended."""
        return self._bindings.get(node_id, (b"", False))[1]

    def identify(self, credential: bytes | None, method: str) -> Caller:
        """Check a call's signature, and use its challenge up.

        Parameters
        ----------
        credential
            The serialised `Credential` of the call's metadata, None if there is none.
        method
            The call's short name.

        Raises
        ------
        AuthenticationError
            It lacks, is malformed, or does not fit.
        """
        if credential is None:
            raise AuthenticationError("The call bears no credential: update the client.")
        try:
            told = pb.Credential.FromString(credential)
        except DecodeError as error:
            raise AuthenticationError(
                "The call's credential is malformed: update the client.", detail=str(error)
            ) from error
        self._challenges.redeem(told.challenge, self._clock())
        verify_credential(told, method=method)
        return Caller(told.node_id, told.session_id, told.public_key, told.invite)

    def check_bound(self, caller: Caller) -> None:
        """Let pass a caller whose key is bound to its node id.

        Raises
        ------
        InviteError
            Its membership is revoked, or its node id belongs to another key.
        AuthenticationError
            Nothing is bound to its node id yet.
        """
        if not self._is_bound(caller):
            raise AuthenticationError("This client has not checked in yet: do that first.")

    def check_invited(self, caller: Caller) -> bool:
        """Let pass a caller whose key is bound, or whose invite can bind it.

        Returns
        -------
        bool
            Whether the key is bound already.

        Raises
        ------
        InviteError
            The membership is revoked, the invite is used, expired, foreign or another client's.
        AuthenticationError
            Nothing is bound yet and no invite came along.
        """
        if self._is_bound(caller):
            return True
        if not caller.invite:
            raise AuthenticationError(
                "This client is not enrolled here, and its call brings no invite: "
                "join with the invite."
            )
        invite = Invite.parse(caller.invite)
        invite.verify(self._invite_public_key, self._problem_id, self._unix_clock())
        if invite.node_id != caller.node_id:
            raise InviteError("The invite is another client's: use the one made for this client.")
        return False

    def _is_bound(self, caller: Caller) -> bool:
        bound, revoked = self._bindings.get(caller.node_id, (b"", False))
        if revoked:
            raise InviteError(MEMBERSHIP_OVER)
        if bound and bound != caller.public_key:
            raise InviteError(
                "This invite is used: another client enrolled with it. Go on with that client's "
                "own folder, or ask the problem's setter for a new invite."
            )
        return bool(bound)
