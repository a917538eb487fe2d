"""The files that keep a client joined, as systemd and Compose themselves read them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fedota_client.service_files import ServiceFacts, compose_file, systemd_unit

ODD = 'my tables, 100% of $HOME\'s "own" \\x'


def run(program: str, *arguments: str, place: Path) -> str:
    """Run a program of this machine; return what it complains about, or writes."""
    found = shutil.which(program)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{program} is not here")
    done = subprocess.run(
        [found, *arguments],
        cwd=place,
        env={**os.environ, "XDG_RUNTIME_DIR": str(place), "HOME": str(place)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def facts(tmp_path: Path) -> ServiceFacts:
    (tmp_path / ODD).mkdir()
    return ServiceFacts(
        title="100% Tumours in $HOME",
        problem_id="abcdef123456",
        program=(sys.executable, "-m", "fedota_client"),
        data=tmp_path / ODD,
        home=tmp_path / "the home",
        image="fedota/client:latest",
        user="1000:1000",
        more=("--hours=22:00-06:00",),
    )


def test_systemd_takes_the_unit_without_a_word(facts: ServiceFacts, tmp_path: Path) -> None:
    unit = tmp_path / f"{facts.name}.service"
    unit.write_text(systemd_unit(facts))
    assert run("systemd-analyze", "verify", "--user", str(unit), place=tmp_path) == ""
    broken = unit.read_text().replace("ExecStart=", "ExecStart=/nowhere")
    unit.write_text(broken)
    with pytest.raises(AssertionError, match="not executable"):
        run("systemd-analyze", "verify", "--user", str(unit), place=tmp_path)


def test_compose_reads_the_file_as_it_was_meant(facts: ServiceFacts, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(compose_file(facts))
    said = run("docker-compose", "-f", "compose.yaml", "config", place=tmp_path)
    plain = " ".join(said.split())  # long lines are folded
    # It writes a dollar sign twice, as it reads it.
    assert f"source: {str(facts.data).replace('$', '$$')} target: /data" in plain
    assert f"source: {facts.home} target: /fedota" in plain
    assert "read_only: true" in said
    assert "container_name: fedota-abcdef123456" in said
