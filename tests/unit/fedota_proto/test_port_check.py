"""The health check of a container."""

from __future__ import annotations

import pytest

from fedota_proto.port_check import main


@pytest.mark.parametrize("environ", [{}, {"LISTEN": ""}, {"LISTEN": "somewhere"}])
def test_a_variable_without_a_port_is_unhealthy(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["LISTEN"], environ) == 1
    assert "LISTEN holds no port" in capsys.readouterr().err
