"""`fedota-client` as a process: exit codes, signals, sentences."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from fedota_client.receipts.checking import check_book
from fedota_proto.errors import InviteError
from fedota_proto.v1 import fl_round_pb2 as pb

from .doubles import Problem, make_keys, model_records, until, worker_command

RUNNER = Path(__file__).with_name("run_fake_client.py")
PROCESS_S = 60.0


@dataclass
class Ended:
    """How a process ended."""

    code: int
    stdout: str
    stderr: str


async def started(*command: str, **variables: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "FEDOTA_CLIENT_RETRY_FIRST_S": "0.01", **variables}
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )


async def ended(process: asyncio.subprocess.Process) -> Ended:
    stdout, stderr = await asyncio.wait_for(process.communicate(), PROCESS_S)
    assert process.returncode is not None
    text = stdout.decode(), stderr.decode()
    assert "Traceback" not in "".join(text), "".join(text)
    return Ended(process.returncode, *text)


async def client(*arguments: str) -> Ended:
    return await ended(await started(sys.executable, "-m", "fedota_client", *arguments))


def peak_kb(pid: int) -> int:
    """The most memory that a process has held so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


@pytest.fixture
def invite_file(problem: Problem, tmp_path: Path) -> Path:
    path = tmp_path / "clinic.invite"
    path.write_text(Problem(problem.keys, problem.selectors[:1]).invite().text)
    return path


@pytest.fixture
def join(invite_file: Path, tmp_path: Path) -> list[str]:
    (tmp_path / "data").mkdir()
    home = str(tmp_path / "home")
    return ["join", str(invite_file), "--data", str(tmp_path / "data"), "--home", home]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_stops_it_at_once_and_the_selector_is_told(
    problem: Problem, invite_file: Path, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    command = worker_command("stubborn", tmp_path / "worker")
    process = await started(
        sys.executable, str(RUNNER), str(invite_file), str(tmp_path / "home"), *command
    )
    selector = problem.selectors[0]
    stream = await asyncio.wait_for(selector.next_stream(), PROCESS_S)
    stream.task(1, model_records(1.0))
    await until((tmp_path / "worker" / "task-1-life-1").exists)
    (worker,) = psutil.Process(process.pid).children()
    process.send_signal(sent)
    how = await ended(process)
    assert how.code == code
    assert "the membership stays" in how.stdout
    assert selector.tells == [pb.TellRequest.STOPPING]
    assert not worker.is_running()


async def test_an_idle_client_holds_less_than_150_mb_and_no_worker(
    problem: Problem, invite_file: Path, tmp_path: Path
) -> None:
    """From its start to the second task: TensorFlow lives in the worker, which is not there."""
    home = tmp_path / "home"
    (home / "problem").mkdir(parents=True)
    (home / "problem" / "problem.toml").write_text(
        Path(__file__).with_name("problem.toml").read_text()
    )
    process = await started(
        sys.executable,
        str(RUNNER),
        "--data",
        str(invite_file),
        str(home),
        *worker_command("obedient", tmp_path / "worker"),
        FEDOTA_CLIENT_WORKER_IDLE_S="0.1",
    )
    selector = problem.selectors[0]
    stream = await asyncio.wait_for(selector.next_stream(), PROCESS_S)
    stream.task(1, model_records(1.0))
    await asyncio.wait_for(selector.next_update(), PROCESS_S)
    await until(lambda: psutil.Process(process.pid).children() == [])
    assert peak_kb(process.pid) < 150_000
    stream.task(2, model_records(2.0))
    assert (await asyncio.wait_for(selector.next_update(), PROCESS_S)).header.task_id == 2
    process.terminate()
    assert (await ended(process)).code == 143


async def test_a_finished_problem_is_exit_0(
    problem: Problem, invite_file: Path, tmp_path: Path
) -> None:
    command = worker_command("obedient", tmp_path / "worker")
    process = await started(
        sys.executable, str(RUNNER), str(invite_file), str(tmp_path / "home"), *command
    )
    stream = await asyncio.wait_for(problem.selectors[0].next_stream(), PROCESS_S)
    stream.send(finished=pb.Finished(reason="All rounds are done."))
    how = await ended(process)
    assert (how.code, how.stderr) == (0, "")
    assert how.stdout.endswith(
        "Done: All rounds are done.\nNo update of yours was counted in this run.\n"
    )


async def test_the_main_process_imports_neither_keras_nor_flower() -> None:
    script = (
        "import sys, fedota_client.command_line, fedota_client.join_flow\n"
        "import fedota_client.participation\n"
        "heavy = {'keras', 'tensorflow', 'flwr', 'pandas'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    how = await ended(await started(sys.executable, "-c", script))
    assert (how.code, how.stderr) == (0, "")


async def test_it_is_enrolled_fetches_the_model_and_refuses_a_bad_one(
    problem: Problem, join: list[str], tmp_path: Path
) -> None:
    selector = problem.selectors[0]
    selector.file = b"this is no model" * 1000
    selector.description = pb.DescribeReply(
        problem_id=selector.problem_id,
        problem_toml=Path(__file__).with_name("problem.toml").read_text(),
        manifest_json='{"arrays": [{"name": "w", "dtype": "float32", "shape": [2]}]}',
        model_sha256=hashlib.sha256(selector.file).digest(),
        model_size_bytes=len(selector.file),
        state="running",
    )
    how = await client(*join, "--yes")
    assert how.code == 1
    assert how.stderr.startswith("model.keras: ")
    assert len(how.stderr.splitlines()) == 1
    assert selector.tells == [pb.TellRequest.ENROLLING]
    assert (tmp_path / "home" / "problem" / "model.keras").read_bytes() == selector.file
    assert [method for method, _ in selector.calls] == ["Describe", "Tell", "Fetch"]


async def test_a_completed_problem_needs_no_model(problem: Problem, join: list[str]) -> None:
    selector = problem.selectors[0]
    selector.description = pb.DescribeReply(problem_id=selector.problem_id, state="completed")
    how = await client(*join)
    assert how.code == 0
    assert "nothing left to train" in how.stdout


async def test_a_used_invite(problem: Problem, join: list[str]) -> None:
    problem.selectors[0].refuse_with = InviteError("This invite is used: ask for a new one.")
    how = await client(*join)
    assert (how.code, how.stderr) == (1, "This invite is used: ask for a new one.\n")


async def test_an_old_client(problem: Problem, join: list[str]) -> None:
    problem.selectors[0].protocol = 2
    how = await client(*join)
    assert how.code == 1
    assert "speaks protocol 2" in how.stderr
    assert "update this client" in how.stderr


async def test_a_selector_of_another_platform(
    problem: Problem, join: list[str], tmp_path: Path
) -> None:
    """The address is that of the invite, the certificate another platform's."""
    selector = problem.selectors[0]
    other = make_keys(tmp_path / "other")
    invite = Problem(other, [selector]).invite()
    path = tmp_path / "foreign.invite"
    path.write_text(invite.text)
    home = str(tmp_path / "other-home")
    how = await client("join", str(path), "--data", join[3], "--home", home)
    assert how.code == 1
    assert "does not show the certificate" in how.stderr
    assert len(how.stderr.splitlines()) == 1


async def test_a_selector_of_another_problem(problem: Problem, join: list[str]) -> None:
    problem.selectors[0].problem_id = "zzzzzz999999"
    how = await client(*join)
    assert how.code == 1
    assert "serves another problem" in how.stderr


async def test_a_selector_that_is_not_there(problem: Problem, join: list[str]) -> None:
    await problem.selectors[0].stop()
    how = await client(*join, "--connect-timeout", "0.5")
    assert how.code == 1
    assert "No selector answered within 0.5 s" in how.stderr
    assert len(how.stderr.splitlines()) == 1
    assert "does not answer" in how.stdout


async def test_leaving_ends_the_membership(problem: Problem, invite_file: Path) -> None:
    how = await client("leave", str(invite_file), "--yes", "--home", str(invite_file.parent / "h"))
    assert how.code == 0
    assert problem.selectors[0].tells == [pb.TellRequest.LEAVING]


async def test_leaving_is_told_receipted_and_wiped(
    problem: Problem, invite_file: Path, tmp_path: Path
) -> None:
    home = str(tmp_path / "home")
    how = await client("leave", str(invite_file), "--home", home, "--yes", "--wipe", "--json")
    assert (how.code, how.stderr) == (0, "")
    left = ["receipts.head", "receipts.jsonl"]
    assert json.loads(how.stdout) == {"told": True, "reason": "", "wiped": True, "left": left}
    assert problem.selectors[0].tells == [pb.TellRequest.LEAVING]
    assert sorted(os.listdir(home)) == left
    checked = check_book(Path(home))
    assert checked.findings == []
    assert [line.get("what") for line in checked.lines] == [None, "leaving"]


async def test_who_was_removed_before_can_still_wipe(
    problem: Problem, invite_file: Path, tmp_path: Path
) -> None:
    problem.selectors[0].refuse_with = InviteError("This membership has ended.")
    home = str(tmp_path / "home")
    refused = await client("leave", str(invite_file), "--home", home, "--yes")
    assert (refused.code, refused.stderr) == (1, "This membership has ended.\n")
    how = await client("leave", str(invite_file), "--home", home, "--yes", "--wipe")
    assert how.code == 0
    assert "This membership has ended." in how.stdout
    assert sorted(os.listdir(home)) == ["receipts.head", "receipts.jsonl"]
