"""A platform by compose: published by the API, trained by holders' containers, nothing left."""

from __future__ import annotations

import asyncio
import io
import ipaddress
import json
import zipfile
from collections.abc import Awaitable, Callable

import pytest
from support.compose_platform import ComposePlatform, left_over
from support.compose_problem import ComposeProblem
from support.images import docker

MakeProblem = Callable[..., Awaitable[ComposeProblem]]

pytestmark = pytest.mark.timeout(400)

HOSPITALS = {"north": "hospital-north", "south": "hospital-south", "west": "hospital-west"}


async def test_a_problem_is_published_trained_to_its_end_and_removed(
    make_problem: MakeProblem,
) -> None:
    problem = await make_problem("Tumours", selectors=2)
    pool = ipaddress.IPv4Network("10.210.0.0/16")
    for name in ("status", "intra", "doors"):
        found = json.loads(docker("network", "inspect", problem.container(name)))[0]
        (subnet,) = (ipaddress.IPv4Network(one["Subnet"]) for one in found["IPAM"]["Config"])
        assert subnet.subnet_of(pool)
        assert subnet.prefixlen == (29 if name == "status" else 25)
    clients = await asyncio.gather(
        *(problem.join(name, hospital) for name, hospital in HOSPITALS.items())
    )
    await problem.status("completed", timeout_s=180)
    rounds = [one for one in problem.setter("GET", "/rounds") if one["completed"]]
    assert [one["server_round"] for one in rounds] == [1, 2]
    assert all(one["reported"] >= 2 for one in rounds)

    model = zipfile.ZipFile(io.BytesIO(problem.setter("GET", "/model")))
    assert {"config.json", "model.weights.h5"} <= set(model.namelist())

    def ended() -> bool:
        return all(client.exit_code() is not None for client in clients)

    await problem.platform.until(ended, "an end of every client")
    for client in clients:
        assert client.exit_code() == 0, client.logs()
        assert "All 2 rounds are completed" in client.logs()
        await client.remove()

    problem.setter("POST", "/archive")
    await problem.platform.until(
        lambda: (
            not any(problem.problem_id in name for kind in left_over().values() for name in kind)
        ),
        "an engine without anything of the problem",
    )


async def test_the_doctor_finds_engine_and_programs_well(
    compose_platform: ComposePlatform,
) -> None:
    found = await asyncio.to_thread(compose_platform.ask, "Ada", "GET", "/admin/health")
    assert not [one for one in found if one["state"] == "problem"], found
    told = {one["name"]: one["what"] for one in found}
    assert "unix:///engine/docker.sock answers" in told["engine"]
    assert told["programs"] == "coordinator and client start in their containers"
    assert told["servers"].startswith("none is given up")


async def test_the_doctor_in_the_webservers_container_misses_nothing_that_jobs_bring(
    compose_platform: ComposePlatform,
) -> None:
    """Keras is in the client's image, not in the webserver's."""
    looked = "import importlib.util as find; print(find.find_spec('keras'))"
    asked = ("exec", compose_platform.webserver)
    assert docker(*asked, "python", "-P", "-c", looked).strip() == "None"
    # Its exit code is 1 where anything is a problem.
    said = await asyncio.to_thread(docker, *asked, "fedota", "doctor", "--json")
    found = json.loads(said[said.index("[") :])
    assert not [one for one in found if "keras" in one["what"] or one["state"] == "problem"]
