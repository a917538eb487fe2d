"""The client's image, run as a data holder runs it: any user id, two folders, nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shutil
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from support.connect_proxy import ConnectProxy
from support.programs import Finished, run_module
from support.world import World, problem_toml

from fedota_proto.credential import SigningKey
from fedota_proto.invite import Invite, sign_invite

IMAGE = "fedota/client:latest"
LABEL = "io.fedota.platform=fedota-e2e"
# A user that neither the host nor the image knows; files of one's own where tests are not root.
USER = 54321 if os.getuid() == 0 else os.getuid()
READ_ONLY = ("--read-only", "--tmpfs", "/tmp")
# A container starts, loads TensorFlow and trains, on a machine that does other things too.
DEADLINE_S = 100.0


def _unless_in_ci(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def _image() -> None:
    """Skip what needs the image where it is not."""
    if shutil.which("docker") is None:
        _unless_in_ci("no docker is installed")
    found = subprocess.run(
        ["docker", "image", "inspect", IMAGE], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        _unless_in_ci(f"no engine answers, or it has no image {IMAGE}: {found.stderr.strip()}")


class Holder:
    """A data holder's two folders, and the command that is shown on the join page.

    Parameters
    ----------
    place
        Where the folders are.
    """

    def __init__(self, place: Path) -> None:
        self.data = self._folder(place / "data")
        self.fedota = self._folder(place / "fedota")
        (self.data / "patients.csv").write_text(_table())
        self.data.chmod(0o700)

    def mounts(self) -> list[str]:
        """Mount both, as shown."""
        return ["-v", f"{self.data}:/data:ro", "-v", f"{self.fedota}:/fedota"]

    def _folder(self, path: Path) -> Path:
        path.mkdir(parents=True)
        os.chown(path, USER, USER if os.getuid() == 0 else os.getgid())
        return path


def _table() -> str:
    rows = [f"{i % 7},{i % 5},{'yes' if i % 2 else 'no'}" for i in range(60)]
    return "\n".join(("x,y,answer", *rows, ""))


def docker_run(options: Sequence[str], *arguments: str, user: int | None = USER) -> list[str]:
    """Write the command, with a name under which the container is removed whatever happens."""
    given = ["--user", f"{user}:{user}"] if user is not None else []
    name = f"fedota-e2e-client-{uuid.uuid4().hex[:8]}"
    return [
        *("docker", "run", "--rm", "--name", name, "--label", LABEL),
        *given,
        *options,
        IMAGE,
        *arguments,
    ]


async def ended(command: Sequence[str], *, timeout_s: float = DEADLINE_S) -> Finished:
    """Run a container to its end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate()
    finally:
        remove(command)
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


def remove(command: Sequence[str]) -> None:
    """Remove a command's container, if it is still there."""
    name = command[command.index("--name") + 1]
    subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False, timeout=60)


ALONE = ("--network", "none", *READ_ONLY)


@pytest.fixture
def holder(tmp_path: Path) -> Holder:
    return Holder(tmp_path)


# The two folders.


async def test_any_user_on_a_read_only_root(holder: Holder) -> None:
    for user in (USER, None):
        done = await ended(docker_run(ALONE, "version", user=user))
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("fedota-client ")


async def test_data_that_is_not_mounted(holder: Holder) -> None:
    only = ["-v", f"{holder.fedota}:/fedota"]
    done = await ended(docker_run([*ALONE, *only], "join"))
    done.is_one_sentence(1, "No data is mounted at /data", '-v "$PWD/data:/data:ro"')


async def test_data_that_docker_made_since_it_was_not_there(holder: Holder, tmp_path: Path) -> None:
    options = ["-v", f"{tmp_path}/mistyped:/data:ro", "-v", f"{holder.fedota}:/fedota"]
    done = await ended(docker_run([*ALONE, *options], "join"))
    done.is_one_sentence(1, "/data is empty", "-v FOLDER:/data:ro")


async def test_data_of_another_user(holder: Holder) -> None:
    done = await ended(docker_run([*ALONE, *holder.mounts()], "check", user=None))
    done.is_one_sentence(1, "user id 10001", f"user id {USER}", '--user "$(id -u):$(id -g)"')


async def test_the_clients_folder_that_is_not_mounted(holder: Holder) -> None:
    only = ["-v", f"{holder.data}:/data:ro"]
    done = await ended(docker_run([*ALONE, *only], "join"))
    done.is_one_sentence(1, "/fedota is not mounted", "would be lost", "mkdir -p fedota")
    done = await ended(docker_run([*ALONE, *only, "--tmpfs", "/fedota"], "join"))
    done.is_one_sentence(1, "/fedota is not on the host's disk")


async def test_the_clients_folder_that_docker_made(holder: Holder, tmp_path: Path) -> None:
    options = ["-v", f"{holder.data}:/data:ro", "-v", f"{tmp_path}/forgotten:/fedota"]
    done = await ended(docker_run([*ALONE, *options], "join"))
    done.is_one_sentence(1, f"written by the user id {USER}", "belongs to root", "--user")


async def test_the_clients_folder_that_is_read_only(holder: Holder) -> None:
    options = ["-v", f"{holder.data}:/data:ro", "-v", f"{holder.fedota}:/fedota:ro"]
    done = await ended(docker_run([*ALONE, *options], "join"))
    done.is_one_sentence(1, "leave :ro out")


# The invite.


def lonely_invite() -> str:
    """Sign an invite to a selector that is not there."""
    key = SigningKey.generate()
    invite = Invite(
        problem_id="abcdef123456",
        title="Tumours",
        node_id=7,
        name="clinic",
        expires_unix_s=time.time() + 3600,
        ca_pem="",
        receipt_public_key=b"r" * 32,
        invite_public_key=key.public_bytes,
        selectors=(("127.0.0.1:9", "selector-1.abcdef123456.fedota"),),
    )
    return sign_invite(key, invite).text


async def test_the_invite_is_asked_for_and_kept(holder: Holder) -> None:
    invite = lonely_invite()
    command = docker_run(
        ["-it", *ALONE, *holder.mounts()], "join", "--connect-timeout", "1", "--yes"
    )
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = b""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while b"Invite:" not in shown:
                shown += await asyncio.to_thread(os.read, ours, 4096)
            os.write(ours, f"{invite}\n".encode())
            while b"No selector answered" not in shown:
                shown += await asyncio.to_thread(os.read, ours, 4096)
            assert await process.wait() == 1
    finally:
        remove(command)
        os.close(ours)
    assert shown.count(b"fedota-client connect-check") == 1
    assert (holder.fedota / "invite").read_text() == invite
    assert (holder.fedota / "key.pem").stat().st_uid == USER


async def test_without_a_terminal_it_says_how_to_pass_the_invite(holder: Holder) -> None:
    done = await ended(docker_run([*ALONE, *holder.mounts()], "join"))
    done.is_one_sentence(2, "No invite was given")


# Training.


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A problem for one round of two, with one selector."""
    model, place = tmp_path / "model", tmp_path / "world"
    (model / "inspected").mkdir(parents=True)
    place.mkdir()
    await asyncio.to_thread(run_module, "support.model_maker", model)
    rules = f"selection_timeout_s = {DEADLINE_S:g}\nreporting_deadline_s = {DEADLINE_S:g}"
    text = problem_toml(rounds=1, more_rules=rules)
    async with World(place, model, text, selectors=1) as made:
        await made.serve(1)
        yield made


@pytest.mark.timeout(240)
async def test_a_container_trains_through_a_proxy_with_the_invite_in_its_folder(
    holder: Holder, world: World
) -> None:
    invite = world.enrol("clinic", selectors=(1,)).invite
    (holder.fedota / "invite").write_text(invite.text)
    other = await world.join(world.enrol("other", selectors=(1,)))
    async with ConnectProxy(user="ann", password="word") as proxy:
        options = [
            *("--network", "host", *READ_ONLY, "-e", f"HTTPS_PROXY={proxy.url_for('ann', 'word')}"),
            *holder.mounts(),
        ]
        checked = await ended(docker_run(options, "connect-check", "--json"))
        assert checked.code == 0, checked
        assert json.loads(checked.out)["addresses"][0]["way"] == proxy.url
        assert {path.name for path in holder.fedota.iterdir()} == {"invite"}

        joined = await ended(docker_run(options, "join", "--yes"), timeout_s=2 * DEADLINE_S)
        assert joined.code == 0, joined
        assert set(proxy.passed) == {world.ports.selector_address(1)}
    assert await other.ended() == 0
    (row,) = world.rounds()
    assert set(world.counted(row)) == {"clinic", "other"}
    assert {path.stat().st_uid for path in holder.fedota.iterdir()} <= {USER, os.getuid()}

    told = await ended(docker_run([*ALONE, "-v", f"{holder.fedota}:/fedota"], "receipts", "--json"))
    assert told.code == 0, told
    assert json.loads(told.out)["counted"] == 1
