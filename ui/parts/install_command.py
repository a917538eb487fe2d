"""The command that installs the client: the wheel behind it is made once, beside the page."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

import streamlit as st

from fedota_proto.errors import FedotaError
from fedota_server.webserver.client_files import ClientFiles
from fedota_server.webserver.platform import Platform

_LOOK_EVERY_S = 1.0
_GLANCE_S = 0.2  # files that are there already are found within it


@cache
def _command(home: Path, url: str) -> Future[str]:
    worker = ThreadPoolExecutor(1, thread_name_prefix="client-files")
    future = worker.submit(ClientFiles(home).install_command, url)
    worker.shutdown(wait=False)
    return future


def prepare_install_command(platform: Platform) -> Future[str]:
    """Begin to make the client's files, unless that was begun before; any thread may call it."""
    return _command(platform.settings.home, platform.settings.page_url)


def show_install_command(platform: Platform) -> None:
    """Show the command, or that it comes in a moment.

    Raises
    ------
    FedotaError
        The files cannot be made; the next look tries it again.
    """
    future = prepare_install_command(platform)
    try:
        command = future.result(timeout=_GLANCE_S)
    except TimeoutError:
        _wait_for(future)
    except FedotaError:
        _command.cache_clear()
        raise
    else:
        st.code(command, language="bash", wrap_lines=True)


def _wait_for(future: Future[str]) -> None:
    @st.fragment(run_every=_LOOK_EVERY_S)
    def wait() -> None:
        if future.done():
            st.rerun(scope="app")
        st.caption(":material/progress_activity: The client is being packed; one moment.")

    wait()
