"""The client image of one problem: its file, its hash, and what is done with it."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import streamlit as st

from fedota_proto.errors import FedotaError
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.problem_images import ImageOffer
from ui.parts.docker_command import docker_command
from ui.parts.download_link import download_link
from ui.parts.words import size_words

_LOOK_EVERY_S = 1.0
_GLANCE_S = 0.3  # what was hashed before is found within it
_MADE = "problem-image"


def load_command(name: str, sha256: str) -> str:
    """Write the command that checks the file and loads it."""
    return f"echo '{sha256}  {name}' | sha256sum --check && docker load --input {name}"


def show_problem_image(platform: Platform, actor: Actor, problem_id: str, *, or_so: bool) -> None:
    """Offer the image for ``docker load``, or say that it comes in a moment.

    Parameters
    ----------
    or_so
        Whether another way stands above.

    Raises
    ------
    FedotaError
        It cannot be made; the next look tries it again.
    """
    future = _making(platform, actor, problem_id)
    try:
        offer = future.result(timeout=_GLANCE_S)
    except TimeoutError:
        _wait_for(future)
        return
    except FedotaError:
        st.session_state.pop(_MADE, None)
        raise
    lead = "Or without any registry: the" if or_so else "The"
    st.markdown(
        f"{lead} client with this problem's addresses and data format in it, "
        f"{size_words(offer.archive.size_bytes)}, for `docker load`:"
    )
    download_link(f"Download {offer.name}", f"/download/{problem_id}/image", offer.name)
    st.code(load_command(offer.name, offer.sha256), language="bash", wrap_lines=True)
    st.code(docker_command(offer.archive.tag), language="bash", wrap_lines=True)
    st.caption("With `check` in place of `join` it looks at your data, without any connection.")


def _making(platform: Platform, actor: Actor, problem_id: str) -> Future[ImageOffer]:
    """Begin to put it together, unless this session has begun before."""
    kept = st.session_state.get(_MADE)
    if kept is not None and kept[0] == problem_id and not kept[1].done():
        return kept[1]  # type: ignore[no-any-return]
    worker = ThreadPoolExecutor(1, thread_name_prefix="problem-image")
    future = worker.submit(platform.problem_images.offer, actor, problem_id)
    worker.shutdown(wait=False)
    st.session_state[_MADE] = (problem_id, future)
    return future


def _wait_for(future: Future[ImageOffer]) -> None:
    @st.fragment(run_every=_LOOK_EVERY_S)
    def wait() -> None:
        if future.done():
            st.rerun(scope="app")
        st.caption(":material/progress_activity: The image is being put together; one moment.")

    wait()
