"""The commands that a data holder runs, to be copied."""

from __future__ import annotations

import re

import streamlit as st

from fedota_server.webserver.platform import Platform
from ui.parts.install_command import show_install_command
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


def docker_command(image: str, invite: str) -> str:
    """Write the same for Docker: the data is mounted to be read alone."""
    return "\n".join(
        (
            "mkdir -p fedota-client",
            'docker run -it --rm --user "$(id -u):$(id -g)" \\',
            '  -v "$PWD/fedota-client:/fedota" \\',
            f'  -v "$PWD/{invite}:/invite:ro" \\',
            f'  -v "{DATA}:/data:ro" \\',
            f"  {image} join /invite",
        )
    )


def show_commands(platform: Platform, invite: str) -> None:
    """Show how the client is installed and run with an invite's file.

    Parameters
    ----------
    platform
        Serves the client.
    invite
        Name of the file.
    """
    image = platform.settings.client_image
    names = ["With Python", "With Docker"] if image else ["With Python"]
    with_python, *with_docker = st.tabs(names)
    with with_python, told():
        st.markdown("Install the client, once. Python 3.11 or newer:")
        show_install_command(platform)
    with with_python:
        st.markdown("Then run it in the folder with the invite:")
        st.code(join_command(invite), language="bash", wrap_lines=True)
    for tab in with_docker:
        with tab:
            st.markdown("In the folder with the invite:")
            st.code(docker_command(image, invite), language="bash", wrap_lines=True)
    st.caption(
        "The client shows once more what will run and what will leave, and asks you, before it "
        "touches anything. Stop it at any time with Ctrl-C; the same command takes it up again."
    )
