"""The wheel and the constraints that the webserver serves to data holders."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from fedota_proto.errors import FolderError, NotFoundError
from fedota_server.webserver.client_files import ClientBundle, ClientFiles
from fedota_server.webserver.wheel_source import (
    CheckoutSource,
    InstalledSource,
    WheelSource,
    find_wheel_source,
)

ROOT = Path(__file__).resolve().parents[4]
PACKAGES = ("fedota_proto", "fedota_client", "fedota_selector", "fedota_server", "ui")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def bundle(home: Path) -> ClientBundle:
    return ClientFiles(home).bundle()


def members(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def install(wheel: Path, target: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"),
            *("--no-compile", "--disable-pip-version-check", "--target", str(target), str(wheel)),
        ],
        check=True,
        timeout=60,
    )


def test_the_wheel_holds_every_file_of_every_package(bundle: ClientBundle) -> None:
    files = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files <= members(bundle.wheel.path)


def test_the_constraints_are_the_checkouts(bundle: ClientBundle) -> None:
    data = bundle.constraints.path.read_bytes()
    assert data == (ROOT / "constraints.txt").read_bytes()
    assert bundle.constraints.sha256 == hashlib.sha256(data).hexdigest()
    assert bundle.constraints.url_path == "/client/constraints.txt"


def test_the_command_names_the_platforms_own_address_and_the_digest(
    home: Path, bundle: ClientBundle
) -> None:
    wheel = bundle.wheel
    assert wheel.sha256 == hashlib.sha256(wheel.path.read_bytes()).hexdigest()
    assert wheel.size_bytes == wheel.path.stat().st_size
    assert ClientFiles(home).install_command("https://fedota.example/") == (
        f'pip install "fedota[client] @ https://fedota.example/client/{wheel.name}'
        f'#sha256={wheel.sha256}" -c https://fedota.example/client/constraints.txt'
    )


def test_only_the_two_files_are_served(home: Path, bundle: ClientBundle) -> None:
    files = ClientFiles(home)
    assert files.find(bundle.wheel.name) == bundle.wheel
    for name in ("../fedota.db", "fedota-9.9.9-py3-none-any.whl", ""):
        with pytest.raises(NotFoundError, match=bundle.wheel.name):
            files.find(name)


class CountingSource(WheelSource):
    """Makes an empty wheel and counts how often."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.built = 0

    def sha256(self) -> str:
        return hashlib.sha256(self.state.encode()).hexdigest()

    def constraints(self) -> bytes:
        return self.state.encode()

    def build(self, out: Path) -> Path:
        self.built += 1
        wheel = out / "fedota-1-py3-none-any.whl"
        wheel.write_text(self.state)
        return wheel


def test_they_are_made_once_for_each_state_of_the_sources(tmp_path: Path) -> None:
    source = CountingSource("first")
    first = ClientFiles(tmp_path, lambda: source)
    assert first.bundle() == first.bundle() == ClientFiles(tmp_path, lambda: source).bundle()
    assert source.built == 1
    changed = CountingSource("second")
    second = ClientFiles(tmp_path, lambda: changed).bundle()
    assert second.constraints.path.read_text() == "second"
    assert not (tmp_path / "client" / source.sha256()[:16]).exists()
    # Whoever still runs with what was removed makes it again, with the same digest.
    assert first.bundle().wheel.path.read_text() == "first"
    assert source.built == 2


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "client").write_text("a file")
    with pytest.raises(FolderError, match="cannot be written"):
        ClientFiles(tmp_path, lambda: CountingSource("x")).bundle()


def test_the_same_sources_make_the_same_wheel(tmp_path: Path, bundle: ClientBundle) -> None:
    again = find_wheel_source().build(tmp_path)
    assert again.read_bytes() == bundle.wheel.path.read_bytes()
    assert again.name == bundle.wheel.name


def test_pip_installs_it_offline_and_it_is_packed_again_from_there(
    tmp_path: Path, bundle: ClientBundle
) -> None:
    install(bundle.wheel.path, tmp_path / "installed")
    (found,) = metadata.distributions(name="fedota", path=[str(tmp_path / "installed")])
    source = InstalledSource(found)
    assert source.constraints() == bundle.constraints.path.read_bytes()
    packed = source.build(tmp_path)
    assert packed.name == bundle.wheel.name
    assert members(packed) == members(bundle.wheel.path)
    install(packed, tmp_path / "again")
    for path in (tmp_path / "installed").rglob("*"):
        if path.is_file() and path.name not in ("direct_url.json", "RECORD"):
            again = tmp_path / "again" / path.relative_to(tmp_path / "installed")
            assert again.read_bytes() == path.read_bytes()


def test_an_installation_without_its_files_says_what_to_do(tmp_path: Path) -> None:
    info = tmp_path / "fedota-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fedota\nVersion: 0.1.0\n")
    (found,) = metadata.distributions(name="fedota", path=[str(tmp_path)])
    with pytest.raises(FolderError, match="install it again"):
        InstalledSource(found).build(tmp_path)
    (info / "RECORD").write_text("fedota_proto/__init__.py,,\n")
    (found,) = metadata.distributions(name="fedota", path=[str(tmp_path)])
    with pytest.raises(FolderError, match="cannot be read"):
        InstalledSource(found).sha256()


def test_a_checkout_that_does_not_build_says_what_is_missing(tmp_path: Path) -> None:
    for name in ("README.md", "LICENSE", "constraints.txt"):
        (tmp_path / name).write_text("")
    toml = '[tool.setuptools.packages.find]\ninclude = ["pack*"]\n[project]\nname = "fedota"\n'
    (tmp_path / "pyproject.toml").write_text(toml)
    with pytest.raises(FolderError, match="setuptools") as caught:
        CheckoutSource(tmp_path).build(tmp_path)
    assert "version" in caught.value.detail
