"""The commands that a data holder runs, to be copied."""

from __future__ import annotations

import re

import streamlit as st

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from ui.parts.docker_command import docker_command
from ui.parts.install_command import show_install_command
from ui.parts.problem_image import show_problem_image
from ui.parts.told import told

DATA = "/path/to/your/tables"
_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]+")


def invite_name(client: str) -> str:
    """Return the name of an invite's file, which no shell takes for anything else.

    Parameters
    ----------
    client
        The client's name.
    """
    return f"{_UNUSUAL.sub('-', client).strip('-.') or 'client'}.invite"


def join_command(invite: str) -> str:
    """Write the command that joins; the invite is a file, so that no process list shows it."""
    return f"fedota-client join {invite} --data {DATA}"


def show_commands(platform: Platform, actor: Actor, problem_id: str, invite: str) -> None:
    """Show how the client is installed and run with an invite's file.

    Parameters
    ----------
    platform
        Serves the client.
    actor, problem_id
        Who takes part in what.
    invite
        Name of the file.
    """
    image, offered = platform.settings.client_image, platform.problem_images.offered
    names = ["With Python", *(["With Docker"] if image or offered else [])]
    with_python, *with_docker = st.tabs(names)
    with with_python, told():
        st.markdown("Install the client, once. Python 3.11 or newer:")
        show_install_command(platform)
    with with_python:
        st.markdown("Then run it in the folder with the invite:")
        st.code(join_command(invite), language="bash", wrap_lines=True)
    for tab in with_docker:
        with tab:
            st.markdown(
                "Next to the folder `data` with your data. The client asks for the text of the "
                f"invite, unless `{invite}` lies there as `fedota/invite`:"
            )
            if image:
                st.code(docker_command(image), language="bash", wrap_lines=True)
            if offered:
                with told():
                    show_problem_image(platform, actor, problem_id, or_so=bool(image))
    st.caption(
        "The client shows once more what will run and what will leave, and asks you, before it "
        "touches anything. Stop it at any time with Ctrl-C; the same command takes it up again."
    )
