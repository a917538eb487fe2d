"""The health check of a container, against real sockets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fedota_proto.port_check import main


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "0.0.0.0:{}", "{}"])
def test_it_tells_a_server_that_listens_from_one_that_does_not(form: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert main(["LISTEN"], {"LISTEN": form.format(port)}) == 0
    assert main(["LISTEN"], {"LISTEN": form.format(port)}) == 1


def test_a_socket_in_a_folder_is_asked_too(tmp_path: Path) -> None:
    place = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        server.listen()
        assert main(["LISTEN"], {"LISTEN": str(place)}) == 0
    assert main(["LISTEN"], {"LISTEN": str(place)}) == 1
