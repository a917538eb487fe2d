"""Each check of the doctor: what it says of what is fine, doubtful and broken."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.problem_rows import add_problem

from fedota_proto.errors import DatabaseError, FolderError, ServerStartError
from fedota_proto.tls import ServerIdentity
from fedota_server import authority as authorities
from fedota_server.authority import PlatformHome, ProblemKeys
from fedota_server.ports import Ports
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import JobResult, JobSpec, LineListener, ServerSpec, Spawner
from fedota_server.spawners.engine_words import refusal
from fedota_server.spawners.spawning import IN_CONTAINERS, ON_THIS_MACHINE, Fault, Reach, Spawning
from fedota_server.webserver import audit
from fedota_server.webserver.database import Database
from fedota_server.webserver.doctor import Doctor, Finding, State
from fedota_server.webserver.doctor import ports as ports_check
from fedota_server.webserver.doctor.certificates import check_certificates
from fedota_server.webserver.doctor.clock import check_clock
from fedota_server.webserver.doctor.database import check_database
from fedota_server.webserver.doctor.engine import check_engine
from fedota_server.webserver.doctor.folder import check_disk, check_folder
from fedota_server.webserver.doctor.ports import Listener, check_ports
from fedota_server.webserver.doctor.programs import check_programs
from fedota_server.webserver.doctor.servers import check_servers
from fedota_server.webserver.permissions import machine_actor
from fedota_server.webserver.platform_ports import platform_ports
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.tables import ProblemRow, ServerRow

DAY_S = 86_400.0
PROBLEM = "0123456789ab"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A platform's folder with the keys of one problem."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    platform = PlatformHome(home)
    platform.init()
    platform.webserver_identity()
    keys = home / "problems" / PROBLEM / ".fedota" / "keys"
    ProblemKeys.create(keys, PROBLEM, platform.authority())
    return home


def settings(home: Path, **given: Any) -> WebserverSettings:
    return WebserverSettings(home=home, **given)


def states(findings: list[Finding]) -> list[State]:
    return [finding.state for finding in findings]


def only(findings: list[Finding], state: State) -> Finding:
    (found,) = [finding for finding in findings if finding.state is state]
    return found


class ScriptedSpawner(Spawner):
    """Runs no program: answers each job as it is told."""

    def __init__(self, result: JobResult | ServerStartError) -> None:
        self.result = result
        self.jobs: list[JobSpec] = []

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        self.jobs.append(spec)
        if isinstance(self.result, ServerStartError):
            raise self.result
        return self.result

    async def start(self, spec: ServerSpec) -> str:
        raise NotImplementedError

    async def poll(self, name: str, wait_s: float = 0.0) -> int | None:
        raise NotImplementedError

    async def stop(self, name: str, grace_s: float = 10.0) -> int:
        raise NotImplementedError

    async def logs(self, name: str, lines: int = 200) -> str:
        raise NotImplementedError

    async def close(self, grace_s: float = 10.0) -> None:
        pass


class ScriptedSpawning(Spawning):
    """Has one spawner for all, and the faults that it is told."""

    def __init__(
        self,
        result: JobResult | ServerStartError,
        faults: tuple[Fault, ...] = (),
        *,
        reach: Reach = ON_THIS_MACHINE,
    ) -> None:
        super().__init__(reach)
        self.spawner = ScriptedSpawner(result)
        self.faults = faults
        self.closed = 0

    def spawner_of(self, folder: ProblemFolder) -> Spawner:
        raise NotImplementedError

    def job_spawner(self, folder: ProblemFolder) -> Spawner:
        return self.spawner

    async def sweep(self, kept: Collection[str]) -> None:
        raise NotImplementedError

    def look(self) -> tuple[str, list[Fault]]:
        return ("" if self.reach.own_ports else "the engine"), list(self.faults)

    def close(self) -> None:
        self.closed += 1


class TestFolder:
    def test_a_folder_of_ones_own_is_fine(self, home: Path) -> None:
        assert states(check_folder(home)) == [State.OK]

    def test_one_that_is_not_there_is_made_by_up(self, tmp_path: Path) -> None:
        (found,) = check_folder(tmp_path / "none")
        assert (found.state, found.remedy) == (State.WARNING, "`fedota up` makes it.")

    def test_a_file_in_its_place_is_a_problem(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert states(check_folder(tmp_path / "file")) == [State.PROBLEM]

    def test_an_open_folder_and_open_keys_are_told_with_the_command(self, home: Path) -> None:
        home.chmod(0o755)
        (home / "ca" / "ca.key").chmod(0o640)
        found = check_folder(home)
        assert only(found, State.WARNING).remedy == f"Run `chmod go-rwx {home}`."
        assert "ca/ca.key" in only(found, State.PROBLEM).what

    def test_many_open_keys_are_counted(self, home: Path) -> None:
        for path in home.rglob("*.key"):
            path.chmod(0o644)
        (home / "fedota.db").write_text("")
        (home / "fedota.db").chmod(0o644)
        keys = len(list(home.rglob("*.key")))
        assert f"and {keys + 1 - 3} more" in only(check_folder(home), State.PROBLEM).what

    def test_somebody_elses_folder_names_both(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: home.stat().st_uid + 54_321)
        found = only(check_folder(home), State.PROBLEM)
        assert f"user {home.stat().st_uid + 54_321}" in found.what


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("free", "state"), [(100 << 20, State.PROBLEM), (2 << 30, State.WARNING), (9 << 30, State.OK)]
)
def test_the_disk(free: int, state: State, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, free))
    (found,) = check_disk(home / "not" / "yet")
    assert found.state is state
    assert ("Free some space" in found.remedy) is (state is not State.OK)


class TestDatabase:
    def test_a_current_one_is_fine(self, database: Database) -> None:
        assert states(check_database(database)) == [State.OK]

    def test_one_without_tables_is_told(self, bare_url: str) -> None:
        database = Database(bare_url)
        (found,) = check_database(database)
        assert (found.state, found.name) == (State.WARNING, "database")
        database.close()

    def test_another_releases_is_told(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Database, "revision", lambda _: "r9999")
        assert "does not know" in only(check_database(database), State.PROBLEM).what
        place = "fedota_server.webserver.doctor.database.newest_revision"
        monkeypatch.undo()
        monkeypatch.setattr(place, lambda: "r9999")
        assert "backup before" in only(check_database(database), State.WARNING).remedy

    def test_one_that_does_not_answer_is_told_without_its_password(self) -> None:
        database = Database("postgresql://fedota:hunter2@/nowhere?host=/none")
        found = only(check_database(database), State.PROBLEM)
        assert "does not answer" in found.what
        assert "hunter2" not in found.what + found.remedy
        database.close()


class TestCertificates:
    def test_those_of_a_new_platform_are_fine(self, home: Path) -> None:
        (found,) = check_certificates(settings(home), time.time())
        assert found.state is State.OK
        assert "all 5 are valid" in found.what

    def test_a_folder_without_a_ca_is_told(self, tmp_path: Path) -> None:
        assert states(check_certificates(settings(tmp_path), time.time())) == [State.WARNING]

    def test_what_expires_soon_and_what_has(self, home: Path) -> None:
        soon = check_certificates(settings(home), time.time() + 800 * DAY_S)
        assert set(states(soon)) == {State.WARNING}
        assert len(soon) == 3
        assert all("expires in 25 days" in finding.what for finding in soon)
        after = check_certificates(settings(home), time.time() + 830 * DAY_S)
        assert set(states(after)) == {State.PROBLEM}
        assert f"Remove {home / 'webserver'}" in after[0].remedy

    def test_what_is_not_valid_yet(self, home: Path) -> None:
        found = check_certificates(settings(home), time.time() - 3 * DAY_S)
        assert all("clock" in finding.remedy for finding in found)

    def test_one_that_another_ca_signed(self, home: Path, tmp_path: Path) -> None:
        other = PlatformHome(tmp_path / "other")
        other.init()
        other.webserver_identity()
        for name in ("cert.pem", "key.pem"):
            shutil.copyfile(tmp_path / "other" / "webserver" / name, home / "webserver" / name)
        found = only(check_certificates(settings(home), time.time()), State.PROBLEM)
        assert "was not signed by" in found.what

    def test_the_page_s_own(self, home: Path, tmp_path: Path) -> None:
        identity: ServerIdentity = authorities.new_platform_authority().issue("fedota.example")
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        cert.write_bytes(identity.cert_chain_pem)
        key.write_bytes(identity.key_pem)

        def found(url: str, key: Path = key) -> list[Finding]:
            page = settings(home, tls_cert=cert, tls_key=key, web_url=url)
            return check_certificates(page, time.time())

        assert states(found("https://fedota.example")) == [State.OK]
        assert (
            "the page is at other.example"
            in only(found("https://other.example"), State.WARNING).what
        )
        wrong = only(found("https://fedota.example", home / "ca" / "ca.key"), State.PROBLEM)
        assert "cannot be used" in wrong.what


class TestClock:
    def test_an_agreeing_clock_is_fine(self, home: Path, database: Database) -> None:
        assert states(check_clock(home, database, time.time)) == [State.OK]

    def test_a_clock_behind_all_others(self, home: Path, database: Database) -> None:
        found = check_clock(home, database, lambda: time.time() - 3600)
        others = 1 if database.is_sqlite else 2
        assert states(found) == [State.PROBLEM] * others
        assert "3600 s behind" in found[0].what

    def test_entries_and_a_ca_from_the_future(self, home: Path, database: Database) -> None:
        with database.session() as session, session.begin():
            audit.record(session, time.time() + 60, machine_actor("root"), "start")
        found = check_clock(home, database, time.time)
        assert "written 60 s later" in only(found, State.PROBLEM).what
        early = check_clock(home, database, lambda: time.time() - 3 * DAY_S)
        assert any("CA was made later" in finding.what for finding in early)


@pytest.fixture
def all_free(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    taken: set[int] = set()
    monkeypatch.setattr(ports_check, "is_free", lambda port, _: port not in taken)
    return taken


class TestPorts:
    def test_free_ports_are_fine(self, home: Path, all_free: set[int]) -> None:
        (found,) = check_ports(settings(home), {})
        assert found == Finding("ports", State.OK, "1 free; the web page's is 8501")

    def test_fedota_itself_may_listen(self, home: Path, all_free: set[int]) -> None:
        Ports("127.0.0.1", 20_001, 20_002, (20_003,)).save(
            home / "problems" / PROBLEM / ".fedota" / "ports.json"
        )
        ours = {8501: Listener("fedota (process 7)", ours=True)}
        (found,) = check_ports(settings(home, round_port=20_000), ours)
        assert "3 free, 1 in use by Fedota itself" in found.what

    def test_the_webservers_own_ports_are_looked_at(self, home: Path, all_free: set[int]) -> None:
        ports = platform_ports(home)
        all_free.add(ports.status)
        found = only(check_ports(settings(home), {}), State.PROBLEM)
        assert f"port {ports.status} (the webserver's own)" in found.what
        assert str(home / "ports.json") in found.remedy
        (home / "ports.json").write_text("damaged")
        with pytest.raises(FolderError, match="is damaged"):
            check_ports(settings(home), {})

    def test_another_program_is_named_with_the_setting(
        self, home: Path, all_free: set[int]
    ) -> None:
        Ports("127.0.0.1", 20_001, 20_002, (20_003,)).save(
            home / "problems" / PROBLEM / ".fedota" / "ports.json"
        )
        others = {
            8501: Listener("nginx (process 7)", ours=False),
            20_003: Listener("", ours=False),
        }
        found = [f for f in check_ports(settings(home), others) if f.state is State.PROBLEM]
        assert "nginx (process 7)" in found[0].what
        assert "FEDOTA_WEB_PORT" in found[0].remedy
        assert f"selector 1 of problem {PROBLEM}" in found[1].what
        assert "another user" in found[1].what

    def test_a_port_that_cannot_be_had(self, home: Path, all_free: set[int]) -> None:
        all_free.add(443)
        found = only(check_ports(settings(home, web_port=443), {}), State.PROBLEM)
        assert "need a privilege" in found.what

    def test_a_page_for_all_with_invites_for_nobody(self, home: Path, all_free: set[int]) -> None:
        behind_proxy = settings(home, trusted_proxy=True)
        assert "FEDOTA_PUBLIC_HOST" in only(check_ports(behind_proxy, {}), State.WARNING).remedy
        reachable = settings(home, trusted_proxy=True, public_host="fedota.example")
        assert states(check_ports(reachable, {})) == [State.OK]

    def test_in_containers_problems_ports_are_nobodys_here(
        self, home: Path, all_free: set[int]
    ) -> None:
        Ports("127.0.0.1", 20_001, 20_002, (20_003,)).save(
            home / "problems" / PROBLEM / ".fedota" / "ports.json"
        )
        all_free.update((20_002, 20_003))
        assert len(check_ports(settings(home), {})) == 3
        assert states(check_ports(settings(home), {}, IN_CONTAINERS)) == [State.OK]

    def test_a_range_that_is_used_up_is_told_before_it_hurts(
        self, home: Path, all_free: set[int]
    ) -> None:
        Ports("127.0.0.1", 20_001, 20_002, (20_003,)).save(
            home / "problems" / PROBLEM / ".fedota" / "ports.json"
        )
        assert states(check_ports(settings(home, selector_ports="20001-20006"), {})) == [State.OK]
        found = only(check_ports(settings(home, selector_ports="20001-20005"), {}), State.WARNING)
        assert "only 2 are in no problem's keeping" in found.what
        assert "FEDOTA_SELECTOR_PORTS" in found.remedy


class TestServers:
    @pytest.fixture(autouse=True)
    def _problem(self, database: Database) -> None:
        add_problem(database, PROBLEM, status="failed")

    def server(self, database: Database, state: str, detail: str) -> list[Finding]:
        with database.session() as session, session.begin():
            session.add(
                ServerRow(
                    problem_id=PROBLEM,
                    name="coordinator",
                    state=state,
                    detail=detail,
                    since_unix_s=1.0,
                )
            )
        return check_servers(database)

    def test_none_is_missed(self, database: Database) -> None:
        assert states(check_servers(database)) == [State.OK]
        assert states(self.server(database, "running", "")) == [State.OK]

    def test_one_that_was_given_up_is_told_with_the_engines_words(self, database: Database) -> None:
        said = refusal("start the container x", "no space left on device")
        found = only(self.server(database, "given up", said), State.PROBLEM)
        assert f"coordinator of problem {PROBLEM} was given up" in found.what
        assert "no space left on device" in found.what
        assert found.remedy.startswith("Its disk is full")
        assert found.remedy.endswith("Then resume the problem.")

    def test_one_that_is_tried_again_is_a_warning(self, database: Database) -> None:
        found = only(
            self.server(database, "backing off", "Port 7 is taken: end it."), State.WARNING
        )
        assert "is tried again: Port 7 is taken" in found.what
        assert found.remedy == "End it."

    def test_a_problem_that_was_ended_all_the_same_is_no_fault(self, database: Database) -> None:
        with database.session() as session, session.begin():
            row = session.get(ProblemRow, PROBLEM)
            assert row is not None
            row.status = "archived"
        assert states(self.server(database, "given up", "no image: build it.")) == [State.OK]


class TestPrograms:
    def test_both_are_started_once(self) -> None:
        spawning = ScriptedSpawning(JobResult(0, ""))
        assert states(check_programs(spawning)) == [State.OK]
        assert [spec.role for spec in spawning.spawner.jobs] == ["coordinator", "client"]

    @pytest.mark.parametrize(
        "result",
        [
            JobResult(1, "Traceback\nModuleNotFoundError: No module named 'flwr'\n"),
            ServerStartError("No module named 'flwr'"),
        ],
    )
    def test_one_that_does_not_start_is_quoted(self, result: JobResult | ServerStartError) -> None:
        found = check_programs(ScriptedSpawning(result))
        assert states(found) == [State.PROBLEM] * 2
        assert "No module named 'flwr'" in found[0].what
        assert "extra named coordinator" in found[0].remedy

    def test_what_is_not_installed_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        place = "fedota_server.webserver.doctor.programs.find_spec"
        monkeypatch.setattr(place, lambda name: None if name == "keras" else object())
        found = check_programs(ScriptedSpawning(JobResult(0, "")))
        assert "keras is not installed" in only(found, State.PROBLEM).what

    def test_containers_bring_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        place = "fedota_server.webserver.doctor.programs.find_spec"
        monkeypatch.setattr(place, lambda name: None)
        fine = ScriptedSpawning(JobResult(0, ""), reach=IN_CONTAINERS)
        assert states(check_programs(fine)) == [State.OK]
        full = ServerStartError("The Docker engine does not start it: no space left. Free some.")
        found = check_programs(ScriptedSpawning(full, reach=IN_CONTAINERS))
        assert "no space left" in found[0].what
        assert "make images" in found[0].remedy


class TestEngine:
    def test_processes_need_none(self) -> None:
        assert check_engine(ScriptedSpawning(JobResult(0, ""))) == []

    def test_one_that_has_all_is_named(self) -> None:
        (found,) = check_engine(ScriptedSpawning(JobResult(0, ""), reach=IN_CONTAINERS))
        assert (found.state, found.what) == (State.OK, "the engine answers and has what it needs")

    def test_faults_come_with_their_remedies(self) -> None:
        faults = (Fault("no image", "Build it."), Fault("a node is away", "Wait.", grave=False))
        found = check_engine(ScriptedSpawning(JobResult(0, ""), faults, reach=IN_CONTAINERS))
        assert [(one.state, one.what, one.remedy) for one in found] == [
            (State.PROBLEM, "no image", "Build it."),
            (State.WARNING, "a node is away", "Wait."),
        ]


def doctor(home: Path) -> Doctor:
    spawning = ScriptedSpawning(JobResult(0, ""))
    return Doctor(settings(home), spawning=lambda _: spawning, find_listeners=dict)


def test_programs_are_not_tried_where_nothing_runs(home: Path) -> None:
    spawning = ScriptedSpawning(JobResult(0, ""), (Fault("no engine", "Start it."),))
    found = Doctor(settings(home), spawning=lambda _: spawning).trials()
    assert [one.what for one in found if one.name != "client"] == ["no engine"]
    assert spawning.spawner.jobs == []
    assert spawning.closed == 1


def test_a_whole_installation(home: Path, all_free: set[int]) -> None:
    database = Database(f"sqlite:///{home / 'fedota.db'}")
    database.migrate()
    database.close()
    found = doctor(home).checks()
    assert [finding.name for finding in found] == [
        "folder",
        "disk",
        "database",
        "certificates",
        "clock",
        "ports",
        "servers",
        "programs",
        "client",
    ]
    assert all(finding.state is State.OK for finding in found if finding.name != "disk")


def test_an_empty_machine_has_no_problem(tmp_path: Path, all_free: set[int]) -> None:
    found = doctor(tmp_path / "none").checks()
    assert State.PROBLEM not in states([finding for finding in found if finding.name != "disk"])
    assert not (tmp_path / "none").exists()


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(
    home: Path, all_free: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "ca" / "ca.key").write_text("damaged")

    def fail(*_: object) -> list[Finding]:
        raise DatabaseError("The database does not answer: try again.")

    monkeypatch.setattr("fedota_server.webserver.doctor.doctor.check_database", fail)
    found = {finding.name: finding for finding in doctor(home).checks()}
    assert found["database"].what == "The database does not answer: try again."
    assert "are not a certificate and its key" in found["certificates"].what
    assert found["client"].state is State.OK
