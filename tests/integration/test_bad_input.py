"""What a person sees who does something wrong: one clear sentence, the right exit code."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import pytest
from support.programs import Finished, command, environment
from support.world import MakeWorld, Member, World, problem_toml

from fedota_proto.credential import SigningKey
from fedota_proto.invite import sign_invite
from fedota_server.authority import PlatformHome
from fedota_server.ports import free_ports

CLIENT, SERVER = "fedota_client", "fedota_server.cli"


# A setter's mistakes.


@pytest.fixture
def problem(tmp_path: Path, model_folder: Path) -> Path:
    """A good problem's folder, for a test to spoil."""
    folder = tmp_path / "problem"
    folder.mkdir()
    (folder / "problem.toml").write_text(problem_toml())
    shutil.copy(model_folder / "model.keras", folder)
    return folder


async def check(folder: Path) -> Finished:
    """Run `fedota problem check`."""
    return await command(SERVER, "--home", folder.parent / "home", "problem", "check", folder)


async def test_a_wrong_problem_file_tells_every_mistake_at_once(problem: Path) -> None:
    text = problem_toml(strategy='[strategy]\nname = "FedAdm"', minimum=1)
    text = text.replace("local_epochs", "local_epoch").replace('"number"', '"nummer"', 1)
    (problem / "problem.toml").write_text(text)
    done = await check(problem)
    done.is_one_sentence(
        1,
        "[strategy]",
        "FedAdam",
        "minimum_reports",
        "local_epochs",
        "nummer",
    )


async def test_a_problem_file_that_is_not_toml(problem: Path) -> None:
    (problem / "problem.toml").write_text("[problem\ntitle = 1")
    (await check(problem)).is_one_sentence(1, "problem.toml", "line")


async def test_a_folder_without_a_problem(tmp_path: Path) -> None:
    (await check(tmp_path / "nothing")).is_one_sentence(1, "problem.toml")


def rewrite(path: Path, **members: Callable[[bytes], bytes]) -> None:
    """Change members of a zip; names that are not there are added."""
    with zipfile.ZipFile(path) as packed:
        contents = {name: packed.read(name) for name in packed.namelist()}
    for name, change in members.items():
        contents[name] = change(contents.get(name, b""))
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in contents.items():
            packed.writestr(name, data)


def configured(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """Change config.json."""

    def spoil(path: Path) -> None:
        def edit(data: bytes) -> bytes:
            config = json.loads(data)
            change(config)
            return json.dumps(config).encode()

        rewrite(path, **{"config.json": edit})

    return spoil


def with_layer(entry: dict[str, Any]) -> Callable[[Path], None]:
    """Put a layer before the last."""
    return configured(lambda config: config["config"]["layers"].insert(-1, entry))


def layer(module: str, class_name: str, **config: Any) -> dict[str, Any]:
    """Write a layer as Keras does."""
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": "odd", **config},
        "registered_name": None,
    }


LAMBDA = layer("keras.layers", "Lambda", function={"class_name": "__lambda__", "config": {}})
FOREIGN = layer("os", "system")


def leave_the_zip(path: Path) -> None:
    """Add a member whose path leads out of the zip."""
    rewrite(path, **{"../../outside.txt": lambda _: b"outside"})


def store_outside(path: Path) -> None:
    """Make one array's bytes those of a file on this machine."""
    secret = path.parent / "secret.bin"
    secret.write_bytes(bytes(64))

    def edit(data: bytes) -> bytes:
        place = path.parent / "weights.h5"
        place.write_bytes(data)
        with h5py.File(place, "r+") as file:
            dataset = file["layers/dense/vars/0"]
            shape, dtype = dataset.shape, dataset.dtype
            del file["layers/dense/vars/0"]
            file.create_dataset(
                "layers/dense/vars/0",
                shape=shape,
                dtype=dtype,
                external=[(str(secret), 0, h5py.h5f.UNLIMITED)],
            )
        changed = place.read_bytes()
        place.unlink()
        return changed

    rewrite(path, **{"model.weights.h5": edit})


def uncompile(config: dict[str, Any]) -> None:
    """Take the compilation out."""
    config["compile_config"] = None


def make_h5(path: Path) -> None:
    """Make it an old HDF5 file under the new name."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (with_layer(LAMBDA), ["Lambda"]),
        (with_layer(FOREIGN), ["os", "system"]),
        (leave_the_zip, ["outside.txt"]),
        (store_outside, ["layers/dense/vars/0", "another file"]),
        (configured(uncompile), ["compile"]),
        (make_h5, [".keras"]),
    ],
    ids=["lambda", "foreign-class", "path-outside", "external-storage", "uncompiled", "h5"],
)
async def test_a_model_that_is_refused(
    problem: Path, spoil: Callable[[Path], None], told: list[str]
) -> None:
    spoil(problem / "model.keras")
    (await check(problem)).is_one_sentence(1, "model.keras", *told)


async def test_an_h5_file_named_in_the_problem(problem: Path) -> None:
    (problem / "model.keras").rename(problem / "model.h5")
    (problem / "problem.toml").write_text(problem_toml().replace("model.keras", "model.h5"))
    (await check(problem)).is_one_sentence(1, "model.h5", ".keras")


@pytest.mark.parametrize(
    "arguments",
    [
        ["serv", "DIR"],
        ["invite", "DIR"],
        ["serve", "DIR", "--selectors", "none"],
        ["rollback", "DIR", "minus-one"],
    ],
)
async def test_a_wrong_command_line_of_the_setter(problem: Path, arguments: list[str]) -> None:
    filled = [str(problem) if one == "DIR" else one for one in arguments]
    done = await command(SERVER, *filled)
    done.is_one_sentence(2)


async def test_a_misspelt_setting_names_the_nearest(problem: Path) -> None:
    done = await command(
        SERVER, "problem", "check", problem, env=environment(FEDOTA_HOMME=str(problem))
    )
    done.is_one_sentence(2, "FEDOTA_HOMME", "FEDOTA_HOME")


async def test_commands_to_a_problem_that_nobody_serves(problem: Path) -> None:
    for name in ("status", "pause", "stop"):
        done = await command(SERVER, "--home", problem.parent / "home", name, problem)
        done.is_one_sentence(1, "fedota serve")


async def test_serving_without_a_platform(problem: Path) -> None:
    done = await command(SERVER, "--home", problem.parent / "none", "serve", problem)
    done.is_one_sentence(1, "fedota init")


# A holder's mistakes.


async def try_to_join(world: World, member: Member, *more: str, **settings: str) -> Finished:
    """Run `fedota-client join` to its end."""
    world.script(member)
    return await command(
        "support.client_program",
        "join",
        member.data.parent / "invite",
        "--data",
        member.data,
        "--home",
        member.home,
        *(more or ["--yes"]),
        env=environment(**settings),
    )


def give(member: Member, text: str) -> None:
    """Put another invite's text into the holder's file."""
    (member.data.parent / "invite").write_text(text)


async def test_invites_that_open_nothing(make_world: MakeWorld) -> None:
    world = await make_world(rounds=1)
    await world.serve(1)
    expired = world.enrol("expired", valid_s=-60)
    (await try_to_join(world, expired)).is_one_sentence(1, "This invite is expired")

    used = world.enrol("used")
    await world.join(used)
    await world.member_change(used, "bound")
    thief = replace(used, home=world.place / "thief")
    (await try_to_join(world, thief)).is_one_sentence(1, "another client enrolled with it")

    forged = world.enrol("forged")
    key = SigningKey.generate()
    made_up = replace(forged.invite, invite_public_key=key.public_bytes)
    give(forged, sign_invite(key, made_up).text)
    (await try_to_join(world, forged)).is_one_sentence(1, "not made by this problem's setter")

    elsewhere = world.enrol("elsewhere")
    other = replace(elsewhere.invite, problem_id="abcdef123456")
    give(elsewhere, sign_invite(world.keys.invite_key, other).text)
    (await try_to_join(world, elsewhere)).is_one_sentence(1, "another problem")

    stranger = world.enrol("stranger")
    home = PlatformHome(world.place / "another-platform")
    home.init()
    foreign = replace(stranger.invite, ca_pem=home.authority().pem.decode())
    give(stranger, sign_invite(world.keys.invite_key, foreign).text)
    done = await try_to_join(world, stranger, "--yes", "--connect-timeout", "3")
    done.is_one_sentence(1, world.ports.selector_address(1))

    damaged = world.enrol("damaged")
    give(damaged, damaged.invite.text[:-20])
    (await try_to_join(world, damaged)).is_one_sentence(1, "invite")


async def test_a_selector_that_is_not_there(make_world: MakeWorld) -> None:
    world = await make_world()
    (port,) = free_ports(1)
    member = world.enrol("north", addresses=[(f"127.0.0.1:{port}", 1)])
    done = await try_to_join(world, member, "--yes", "--connect-timeout", "1.5")
    done.is_one_sentence(1, f"127.0.0.1:{port}", "check the network")


async def test_an_old_client_against_a_new_selector(make_world: MakeWorld) -> None:
    world = await make_world()
    await world.serve(1)
    member = world.enrol("north")
    done = await try_to_join(world, member, CLIENT_PROTOCOL="0")
    done.is_one_sentence(1, "protocol 0", "update the client")


async def test_nothing_runs_without_consent(make_world: MakeWorld) -> None:
    world = await make_world()
    await world.serve(1)
    member = world.enrol("north")
    done = await try_to_join(world, member, "--rounds", "1")
    done.is_one_sentence(2, "--yes")
    assert "layers/dense/vars/0" in done.out, "what would leave is shown all the same"
    assert not world.director.arrivals.items


async def test_a_wrong_command_line_of_the_holder(make_world: MakeWorld) -> None:
    world = await make_world()
    member = world.enrol("north")
    (await command(CLIENT, "join", member.invite.text)).is_one_sentence(2, "--data")
    done = await command(CLIENT, "join", "no-such.invite", "--data", member.data)
    done.is_one_sentence(2, "no-such.invite")
    done = await command(
        CLIENT, "join", member.invite.text, "--data", world.place / "nowhere", "--yes"
    )
    done.is_one_sentence(1, "nowhere")


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("x,answer\n1,yes\n2,no\n", ["table.csv", "y"]),
        ("x,y,answer\n1,2,yes\n3,many,no\n", ["table.csv", "y", "many", "3"]),
        ("x,y,answer\n1,2,maybe\n", ["table.csv", "answer", "maybe"]),
    ],
    ids=["column-lacks", "text-for-number", "unknown-class"],
)
async def test_a_table_that_does_not_keep_the_format(
    make_world: MakeWorld, table: str, told: list[str]
) -> None:
    world = await make_world()
    await world.serve(1)
    member = world.enrol("north")
    (member.data / "table.csv").write_text(table)
    done = await command(
        CLIENT,
        "join",
        member.data.parent / "invite",
        "--data",
        member.data,
        "--home",
        member.home,
        "--yes",
    )
    done.is_one_sentence(1, *told)
