"""A script that fails shows a sentence; the trace is in the log, under the id that is shown."""

from __future__ import annotations

import logging
import re

import pytest
from streamlit.testing.v1 import AppTest

from ui.script_errors import quieten_streamlit


def _refused() -> None:
    from fedota_proto.errors import ForbiddenError
    from ui.script_errors import show_script_error

    show_script_error(ForbiddenError("Grace may *not* publish."))


def _broken() -> None:
    from ui.script_errors import show_script_error

    try:
        raise RuntimeError("the secret reason")
    except RuntimeError as error:
        show_script_error(error)


def test_a_refusal_is_shown_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    page = AppTest.from_function(_refused).run()
    assert page.error[0].value == r"Grace may \*not\* publish\."
    assert not [one for one in caplog.records if one.name == "ui.script_errors"]


def test_a_defect_is_shown_with_the_id_that_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    page = AppTest.from_function(_broken).run()
    shown = page.error[0].value
    assert "secret reason" not in shown
    (error_id,) = re.findall(r"\*\*([0-9a-f]{8})\*\*", shown)
    (record,) = [one for one in caplog.records if one.name == "ui.script_errors"]
    assert error_id in record.getMessage()
    assert record.exc_info is not None


def test_streamlit_does_not_log_it_once_more() -> None:
    quieten_streamlit()
    quieten_streamlit()
    logger = logging.getLogger("streamlit.error_util")
    record = logger.makeRecord(
        logger.name, logging.ERROR, "", 0, "Uncaught app execution", (), None
    )
    assert not logger.filter(record)
    assert len(logger.filters) == 1
