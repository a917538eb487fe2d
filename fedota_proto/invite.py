"""The line of text that enrols one client, once.

``fedota1:`` and the URL-safe base64 of a 64-byte Ed25519 signature and the JSON that it signs. The
holder's client learns from it whom to trust (the CA), where to go (selectors, webserver) and by
which key outcomes are signed. The signing key is the problem's invite key; its public half stands
in the invite too, so that a damaged line is told from a foreign one; a selector trusts only the
half that its coordinator gave it.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from fedota_proto.credential import SigningKey, verify_signature
from fedota_proto.errors import InviteError

_PREFIX = "fedota1:"
_PURPOSE = b"fedota.v1 invite\0"
_MOST_CHARACTERS = 6000
_BROKEN = (
    "This is not a whole invite: it starts with “fedota1:” and is one line; "
    "copy it again, or pass the file that it came in."
)


@dataclass(frozen=True)
class Invite:
    """What one invite says.

    Parameters
    ----------
    problem_id, title
        The problem, for machines and for people.
    node_id, name
        The client that it enrols: its node id (63 bits), the name that the inviter gave it.
    expires_unix_s
        When it stops to enrol, in seconds since 1970. A client enrolled before then stays.
    ca_pem
        The platform's CA certificate.
    receipt_public_key, invite_public_key
        Raw Ed25519 public keys (32 bytes).
    selectors
        Pairs of address (``host:port``) and server name (as in the certificate).
    webserver
        Address of the webserver's fl_round service, or empty.
    text
        The whole line; made by `sign_invite` or kept by `parse`.
    """

    problem_id: str
    title: str
    node_id: int
    name: str
    expires_unix_s: float
    ca_pem: str
    receipt_public_key: bytes
    invite_public_key: bytes
    selectors: tuple[tuple[str, str], ...]
    webserver: str = ""
    text: str = field(default="", compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Invite:
        """Read an invite and check that it is whole, by its own public key.

        Raises
        ------
        InviteError
            It is malformed or damaged. Expiry and trust are `verify`'s to check.
        """
        line = "".join(text.split())
        if not line.startswith(_PREFIX) or len(line) > _MOST_CHARACTERS:
            raise InviteError(_BROKEN)
        try:
            encoded = line[len(_PREFIX) :]
            padding = "=" * (-len(encoded) % 4)
            raw = base64.b64decode(encoded + padding, altchars=b"-_", validate=True)
            signature, body = raw[:64], raw[64:]
            fields = json.loads(body)
            invite = cls._from_fields(fields, line)
        except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InviteError(_BROKEN, detail=repr(error)) from error
        if not verify_signature(invite.invite_public_key, signature, _PURPOSE + body):
            raise InviteError(
                "This invite is damaged: its signature does not fit its text; copy it again."
            )
        return invite

    @classmethod
    def _from_fields(cls, fields: dict[str, Any], line: str) -> Invite:
        invite = cls(
            problem_id=str(fields["problem_id"]),
            title=str(fields["title"]),
            node_id=int(fields["node_id"]),
            name=str(fields["name"]),
            expires_unix_s=float(fields["expires_unix_s"]),
            ca_pem=str(fields["ca_pem"]),
            receipt_public_key=bytes.fromhex(fields["receipt_public_key"]),
            invite_public_key=bytes.fromhex(fields["invite_public_key"]),
            selectors=tuple((str(a), str(n)) for a, n in fields["selectors"]),
            webserver=str(fields.get("webserver", "")),
            text=line,
        )
        if not 0 < invite.node_id < 1 << 63:
            raise ValueError("node id out of range")
        return invite

    def verify(self, invite_public_key: bytes, problem_id: str, now_unix_s: float) -> None:
        """Check as a selector does that this invite enrols here and now.

        Parameters
        ----------
        invite_public_key
            The problem's, from the coordinator: 32 raw bytes.
        problem_id
            The problem that is served here.
        now_unix_s
            Seconds since 1970.

        Raises
        ------
        InviteError
            It belongs to another problem, was signed by somebody else, or is expired.
        """
        if self.problem_id != problem_id:
            raise InviteError(
                f"This invite is for another problem (“{self.title}”): "
                "ask the problem's setter for one of this problem."
            )
        if self.invite_public_key != invite_public_key:
            raise InviteError(
                "This invite was not made by this problem's setter: ask the setter for a new one."
            )
        if now_unix_s > self.expires_unix_s:
            raise InviteError(
                "This invite is expired: ask the problem's setter for a new one "
                "(a clock that is wrong on either side looks the same)."
            )


def sign_invite(key: SigningKey, invite: Invite) -> Invite:
    """Sign an invite with the problem's invite key.

    Parameters
    ----------
    key
        The problem's invite key; its public half must be `invite.invite_public_key`.
    invite
        All but its text.

    Returns
    -------
    Invite
        The same with its line of text.

    Raises
    ------
    InviteError
        The key is not the one that the invite names.
    """
    if key.public_bytes != invite.invite_public_key:
        raise InviteError("The invite names another signing key: this is a defect, report it.")
    fields = asdict(invite)
    del fields["text"]
    fields["receipt_public_key"] = invite.receipt_public_key.hex()
    fields["invite_public_key"] = invite.invite_public_key.hex()
    body = json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()
    raw = key.sign(_PURPOSE + body) + body
    return Invite.parse(_PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("="))
