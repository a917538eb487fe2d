"""The one command by which a data holder runs the client's image."""

from __future__ import annotations


def docker_command(image: str) -> str:
    """Write the command that joins; the data is mounted to be read alone.

    Parameters
    ----------
    image
        The client's, or one problem's.
    """
    return (
        'mkdir -p fedota && docker run --rm -it --user "$(id -u):$(id -g)" '
        f'-v "$PWD/data:/data:ro" -v "$PWD/fedota:/fedota" {image} join'
    )
