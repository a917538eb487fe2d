"""What a page shows when its script fails: a sentence, and an id that is in the log."""

from __future__ import annotations

import logging
import secrets

import streamlit as st

from fedota_proto.errors import FedotaError, InternalError
from ui.parts.told import paragraphs

_LOGGER = logging.getLogger(__name__)


def show_script_error(error: Exception) -> bool:
    """Show an error that a page's script did not handle.

    Returns
    -------
    bool
        True: Streamlit shows nothing of its own.
    """
    if isinstance(error, FedotaError) and not isinstance(error, InternalError):
        _LOGGER.info("%s %s", error.public_message, error.detail)
        st.error(paragraphs(error.public_message), icon=":material/error:")
        return True
    error_id = secrets.token_hex(4)
    _LOGGER.error("page error %s", error_id, exc_info=error)
    st.error(
        f"This page could not be shown. Nothing that you did was lost; reload it, and if it "
        f"happens again, tell an administrator the id **{error_id}**, which is in the log.",
        icon=":material/error:",
    )
    return True


class _NotTwice(logging.Filter):
    """Drops what `show_script_error` logs itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record stays."""
        return record.getMessage() != "Uncaught app execution"


def quieten_streamlit() -> None:
    """Keep Streamlit from logging script errors a second time, without the id."""
    logger = logging.getLogger("streamlit.error_util")
    if not any(isinstance(one, _NotTwice) for one in logger.filters):
        logger.addFilter(_NotTwice())
