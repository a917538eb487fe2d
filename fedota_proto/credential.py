"""Who speaks: one-time challenges, the credentials that sign them, and signed outcomes.

A client proves itself at every call with an Ed25519 signature over a challenge that its selector
handed out once. Every signed text starts with its own purpose, so that no signature made for one
can serve for another.
"""

from __future__ import annotations

import os
import secrets
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from fedota_proto.errors import AuthenticationError, FolderError
from fedota_proto.v1 import fl_round_pb2 as pb

PROTOCOL = 1
METADATA_KEY = "fedota-credential-bin"
CHALLENGE_BYTES = 32
CHALLENGE_VALID_S = 60.0
SESSION_ID_BYTES = 16

_CALL_PURPOSE = b"fedota.v1 call\0"
_OUTCOME_PURPOSE = b"fedota.v1 outcome\0"


def _framed(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def new_session_id() -> bytes:
    """Make the random id of one client process (16 bytes)."""
    return secrets.token_bytes(SESSION_ID_BYTES)


def signed_bytes(method: str, challenge: bytes, session_id: bytes, node_id: int) -> bytes:
    """Build the text that a call's signature covers.

    Parameters
    ----------
    method
        The call's short name, as ``"CheckIn"``.
    challenge, session_id
        As in the `Credential`.
    node_id
        The client's node id, 63 bits.

    Returns
    -------
    bytes
        The purpose, then each part behind its length.
    """
    return _CALL_PURPOSE + _framed(
        method.encode(), challenge, session_id, struct.pack(">Q", node_id)
    )


def write_secret(path: Path, data: bytes) -> None:
    """Write a secret that only its owner may read, beside its place and then renamed.

    Raises
    ------
    FolderError
        The folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise FolderError(
            f"{path} cannot be written ({error.strerror}): check the folder's owner and free space."
        ) from error


class SigningKey:
    """An Ed25519 private key kept in a PEM file that only its owner may read."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_bytes = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> Self:
        """Make a new key, held in memory alone."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the key.

        Raises
        ------
        FolderError
            The file is missing or is no Ed25519 key.
        """
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise FolderError(
                f"The key {path} cannot be read ({error.strerror}): check its owner."
            ) from error
        except ValueError as error:
            raise FolderError(f"{path} is not a key: restore it from a backup.") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise FolderError(f"{path} is not an Ed25519 key: restore it from a backup.")
        return cls(private)

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """Read the key, or make one there if the file does not exist.

        Raises
        ------
        FolderError
            The folder cannot be written, or the file is no key.
        """
        if path.exists():
            return cls.load(path)
        key = cls.generate()
        key.save(path)
        return key

    def save(self, path: Path) -> None:
        """Write the private key as PEM (PKCS #8), readable by its owner alone."""
        write_secret(
            path,
            self._private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def sign(self, data: bytes) -> bytes:
        """Sign `data`; the signature has 64 bytes."""
        return self._private.sign(data)


class ClientKey(SigningKey):
    """The key that a client makes in its own folder."""


def verify_signature(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Tell whether `signature` is that of `public_key` (32 raw bytes) over `data`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def make_credential(
    key: SigningKey,
    *,
    node_id: int,
    session_id: bytes,
    challenge: bytes,
    method: str,
    invite: str = "",
) -> pb.Credential:
    """Sign a challenge for one call.

    Returns
    -------
    pb.Credential
        To be sent, serialised, in the metadata key `METADATA_KEY`.
    """
    return pb.Credential(
        node_id=node_id,
        session_id=session_id,
        challenge=challenge,
        public_key=key.public_bytes,
        signature=key.sign(signed_bytes(method, challenge, session_id, node_id)),
        invite=invite,
    )


def verify_credential(credential: pb.Credential, *, method: str) -> None:
    """Check a credential's signature by the key that it names.

    Whether that key is the node's own is the caller's to check.

    Raises
    ------
    AuthenticationError
        The signature does not fit, or a part is malformed.
    """
    if (
        credential.node_id == 0
        or credential.node_id >= 1 << 63
        or len(credential.session_id) != SESSION_ID_BYTES
    ):
        raise AuthenticationError("The call's credential is malformed: update the client.")
    text = signed_bytes(method, credential.challenge, credential.session_id, credential.node_id)
    if not verify_signature(credential.public_key, credential.signature, text):
        raise AuthenticationError("The call's signature does not fit the client's key.")


class Challenges:
    """The one-time challenges that a server has handed out, with no clock of its own.

    Parameters
    ----------
    valid_s
        Seconds for which a challenge may be redeemed.
    most
        How many are remembered; beyond that the oldest is forgotten.
    """

    def __init__(self, valid_s: float = CHALLENGE_VALID_S, most: int = 100_000) -> None:
        self._valid_s = valid_s
        self._most = most
        self._issued: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._issued)

    def issue(self, now: float) -> bytes:
        """Hand out a challenge (32 random bytes); `now` is a monotonic time in seconds."""
        while self._issued:
            oldest = next(iter(self._issued))
            if self._issued[oldest] + self._valid_s > now and len(self._issued) < self._most:
                break
            del self._issued[oldest]
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        self._issued[challenge] = now
        return challenge

    def redeem(self, challenge: bytes, now: float) -> None:
        """Take a challenge back, once.

        Raises
        ------
        AuthenticationError
            It was never issued here, is used, or is older than `valid_s`.
        """
        issued = self._issued.pop(challenge, None)
        if issued is None or issued + self._valid_s < now:
            raise AuthenticationError(
                "The call's challenge is unknown, used or too old: ask for a new one and repeat."
            )


def outcome_bytes(problem_id: str, node_id: int, outcome: pb.Outcome) -> bytes:
    """Build the text that an outcome's signature covers.

    It names problem, node id, round, task, update hash, weight, outcome and reason.
    """
    key = outcome.round
    return _OUTCOME_PURPOSE + _framed(
        problem_id.encode(),
        struct.pack(
            ">QQIQI", node_id, outcome.task_id, key.generation, key.server_round, key.attempt
        ),
        outcome.message_type.encode(),
        struct.pack(">Id", outcome.kind, outcome.weight),
        outcome.update_sha256,
        outcome.code.encode(),
        outcome.reason.encode(),
    )


class ReceiptKey(SigningKey):
    """The problem's key with which the coordinator signs outcomes."""

    def sign_outcome(self, problem_id: str, node_id: int, outcome: pb.Outcome) -> None:
        """Put the signature into `outcome`, over everything else that it says."""
        outcome.signature = self.sign(outcome_bytes(problem_id, node_id, outcome))


def verify_outcome(
    receipt_public_key: bytes, problem_id: str, node_id: int, outcome: pb.Outcome
) -> bool:
    """Tell whether the coordinator of `problem_id` signed this outcome for `node_id`."""
    return verify_signature(
        receipt_public_key, outcome.signature, outcome_bytes(problem_id, node_id, outcome)
    )
