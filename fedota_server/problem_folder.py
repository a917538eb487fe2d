"""A problem's folder: what its setter put there, and ``.fedota``, what Fedota keeps beside it.

::

    DIR/problem.toml, DIR/<model>.keras
    DIR/.fedota/problem.json                          id, and the hash of the model taken in
    DIR/.fedota/manifest.json, initial.safetensors    from the model, by the inspect job
    DIR/.fedota/begun.json                            what the training began with
    DIR/.fedota/test/test.csv                         on which the setter's webserver scores models
    DIR/.fedota/keys/  ports.json  coordinator/  logs/  invites/  events.jsonl
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from fedota_proto.credential import write_secret
from fedota_proto.data_format import KINDS
from fedota_proto.errors import FolderError
from fedota_proto.manifest import Manifest
from fedota_proto.problem import PROBLEM_FILE, Problem, parse_problem, read_problem
from fedota_server.authority import Authority, ProblemKeys
from fedota_server.members import Members
from fedota_server.ports import DEFAULT_SPAN, LOOPBACK, Ports, choose_ports

_ID_BYTES = 6
_HASH_READ_BYTES = 1 << 20

# Rules of rounds that concern neither the model nor what its holders agreed to.
_CLOCKS = (
    "selection_timeout_s",
    "settle_s",
    "reporting_deadline_s",
    "evaluation_deadline_s",
    "abandoned_attempts_max",
)


@dataclass(frozen=True)
class Identity:
    """What names a problem.

    Parameters
    ----------
    problem_id
        Twelve hexadecimal digits.
    created_unix_s
        When it was made.
    model_sha256
        Of the model file that was taken in, hexadecimal; empty before that.
    """

    problem_id: str
    created_unix_s: float
    model_sha256: str = ""


class ProblemFolder:
    """The files of one problem.

    Parameters
    ----------
    folder
        DIR. Nothing is read or written before a method asks for it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".fedota"
        self.keys_folder = self.state / "keys"
        self.coordinator_folder = self.state / "coordinator"
        self.logs = self.state / "logs"
        self.events = self.state / "events.jsonl"
        self.manifest_path = self.state / "manifest.json"
        self.initial_path = self.state / "initial.safetensors"
        self.ports_path = self.state / "ports.json"
        self.test_folder = self.state / "test"
        self.members = Members(self.state / "invites")
        self._identity_path = self.state / "problem.json"
        self._begun_path = self.state / "begun.json"

    def test_path_of(self, kind: str) -> Path:
        """Return where the setter's test file of a kind of data is kept; its ending says how."""
        ending = {"table": "csv", "arrays": "npz"}.get(kind, "zip")
        return self.test_folder / f"test.{ending}"

    @property
    def test_path(self) -> Path:
        """The setter's test file, if one is kept; else where a table would be."""
        kept = (path for kind in KINDS if (path := self.test_path_of(kind)).exists())
        return next(kept, self.test_path_of("table"))

    def problem(self) -> Problem:
        """Read problem.toml.

        Raises
        ------
        ProblemFileError
            With all its mistakes.
        """
        return read_problem(self.folder)

    def model_path(self) -> Path:
        """Return where the model is, by problem.toml."""
        return self.folder / self.problem().model_file

    def existing_identity(self) -> Identity | None:
        """Read problem.json; None where there is none yet.

        Raises
        ------
        FolderError
            It is damaged.
        """
        try:
            return Identity(**json.loads(self._identity_path.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise FolderError(
                f"{self._identity_path} is damaged: restore it from a backup.", detail=repr(error)
            ) from error

    def identity(self) -> Identity:
        """Read what names the problem, or name it now.

        Raises
        ------
        FolderError
            It is damaged or cannot be written.
        """
        found = self.existing_identity()
        if found is None:
            found = Identity(secrets.token_hex(_ID_BYTES), time.time())
            self._write_json(self._identity_path, asdict(found))
        return found

    def begin(self, problem_id: str, created_unix_s: float) -> None:
        """Name a problem whose folder is new.

        Raises
        ------
        FolderError
            It cannot be written.
        """
        self._write_json(self._identity_path, asdict(Identity(problem_id, created_unix_s)))

    def keys(self, platform: Authority) -> ProblemKeys:
        """Open the problem's keys; those that are missing are made.

        Raises
        ------
        FolderError
            The folder cannot be written.
        """
        return ProblemKeys.create(self.keys_folder, self.identity().problem_id, platform)

    def existing_keys(self) -> ProblemKeys | None:
        """Open the problem's keys if there are any."""
        identity = self.existing_identity()
        if identity is None or not (self.keys_folder / "operator" / "cert.pem").exists():
            return None
        return ProblemKeys(self.keys_folder, identity.problem_id)

    def ports(
        self,
        selectors: int,
        host: str = "",
        *,
        front: int | None = None,
        taken: Iterable[int] = (),
        span: tuple[int, int] = DEFAULT_SPAN,
    ) -> Ports:
        """Read the problem's ports, or choose them now; more are added for more selectors.

        Parameters
        ----------
        selectors
            How many selectors must have one.
        host
            How data holders reach this machine; empty keeps what it is, at first loopback.
        front
            Port of the proxy that passes all selectors through, 0 for none; None keeps what it is.
        taken
            Ports that other problems keep.
        span
            The lowest and the highest that may be chosen.

        Raises
        ------
        FolderError, ServerStartError
            The file is damaged or cannot be written; no ports are free.
        """
        kept = Ports.load(self.ports_path)
        ports = kept or choose_ports(host or LOOPBACK, selectors, taken, span)
        ports = replace(
            ports.with_selectors(selectors, taken, span),
            host=host or ports.host,
            front=ports.front if front is None else front,
        )
        if ports != kept:
            ports.save(self.ports_path)
        return ports

    def manifest(self) -> Manifest | None:
        """Read the manifest of the model that was taken in; None where none was, or another.

        Raises
        ------
        FolderError, ModelFileError
            It cannot be read or is damaged.
        """
        identity = self.existing_identity()
        if identity is None or identity.model_sha256 != self.model_sha256():
            return None
        if not self.initial_path.exists() or not self.manifest_path.exists():
            return None
        return Manifest.from_json(self.manifest_path.read_bytes())

    def model_sha256(self) -> str:
        """Hash the model file as it is now, hexadecimal.

        Raises
        ------
        FolderError
            It cannot be read.
        """
        path = self.model_path()
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while chunk := file.read(_HASH_READ_BYTES):
                    digest.update(chunk)
        except OSError as error:
            raise FolderError(f"The model {path} cannot be read: {error.strerror}.") from error
        return digest.hexdigest()

    @contextlib.contextmanager
    def intake(self) -> Iterator[Path]:
        """Lend an empty folder beside the others, gone when the block ends."""
        place = self.state / f"intake-{secrets.token_hex(4)}"
        try:
            place.mkdir(parents=True)
        except OSError as error:
            raise self._unwritable(place, error) from error
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def take_in(self, inspected: Path, model_sha256: str) -> Manifest:
        """Take over what the inspect job wrote; with problem.json, written last, it counts.

        Parameters
        ----------
        inspected
            Folder with ``manifest.json`` and ``initial.safetensors``.
        model_sha256
            Of the model that was inspected.

        Raises
        ------
        ModelFileError
            The manifest is damaged.
        FolderError
            A file is missing or cannot be written.
        """
        try:
            manifest = Manifest.from_json((inspected / "manifest.json").read_bytes())
            for name, place in (
                ("initial.safetensors", self.initial_path),
                ("manifest.json", self.manifest_path),
            ):
                with (inspected / name).open("rb") as file:
                    os.fsync(file.fileno())
                (inspected / name).replace(place)
        except OSError as error:
            raise self._unwritable(self.state, error) from error
        self._write_json(
            self._identity_path, asdict(replace(self.identity(), model_sha256=model_sha256))
        )
        return manifest

    @property
    def training_began(self) -> bool:
        """Whether a round was completed: its checkpoint is there."""
        checkpoints = self.coordinator_folder / "checkpoints"
        return any(
            int(path.name.partition("-r")[2].partition(".")[0] or 0) > 0
            for path in checkpoints.glob("g*-r*.arrays.safetensors")
        )

    def note_beginning(self) -> None:
        """Keep what the training begins with, unless it began.

        Raises
        ------
        FolderError
            It cannot be written.
        """
        if not self.training_began or not self._begun_path.exists():
            text = (self.folder / PROBLEM_FILE).read_text()
            self._write_json(
                self._begun_path, {"model_sha256": self.model_sha256(), "problem_toml": text}
            )

    def refuse_if_changed(self) -> None:
        """Compare model and problem.toml with what the training began with.

        Title, description and clocks may change; all else decides what the rounds before mean,
        or is what the holders agreed to.

        Raises
        ------
        FolderError
            Something else changed since the first round was completed; one sentence names it.
        """
        if not self.training_began or not self._begun_path.exists():
            return
        begun = cast(dict[str, str], self._read_json(self._begun_path))
        now, then = self.problem(), parse_problem(begun["problem_toml"])
        changed = _changed_sections(now, then)
        if now.model_file == then.model_file and self.model_sha256() != begun["model_sha256"]:
            changed.insert(0, f"the model {now.model_file}")
        if changed:
            raise FolderError(
                f"{' and '.join(changed)} changed after the training began: put back what was "
                f"there, or begin a new problem with a copy of {self.folder} without its .fedota "
                "folder."
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one `fedota serve` at a time.

        Raises
        ------
        FolderError
            Another one holds it.
        """
        path = self.state / "serve.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a")
        except OSError as error:
            raise self._unwritable(path, error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise FolderError(
                    f"{self.folder} is served already by another `fedota serve`: "
                    "use that one, or stop it first."
                ) from error
            yield

    def _read_json(self, path: Path) -> Any:
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise FolderError(
                f"{path} is damaged: restore it from a backup.", detail=repr(error)
            ) from error

    def _write_json(self, path: Path, fields: dict[str, Any]) -> None:
        write_secret(path, (json.dumps(fields, indent=1) + "\n").encode())

    @staticmethod
    def _unwritable(path: Path, error: OSError) -> FolderError:
        return FolderError(
            f"{path} cannot be written ({error.strerror}): check the folder's owner and free space."
        )


def _changed_sections(now: Problem, then: Problem) -> list[str]:
    rounds = replace(now.rounds, **{name: getattr(then.rounds, name) for name in _CLOCKS})
    compared = {
        "model": (now.model_file, then.model_file),
        "[strategy]": (now.strategy, then.strategy),
        "[rounds]": (rounds, then.rounds),
        "[training]": (now.training, then.training),
        "[data]": (now.data, then.data),
    }
    return [
        f"{'[problem] model' if name == 'model' else name} of {PROBLEM_FILE}"
        for name, (new, old) in compared.items()
        if new != old
    ]
