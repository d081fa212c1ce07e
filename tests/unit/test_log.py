"""Every event is one line of JSON, whoever speaks."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mailgate.log import Event, bridge, open_log


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_with_name_level_and_time(stream: io.StringIO) -> None:
    open_log(stream).bind(journal_id=7).info(Event.MAIL_JUDGED, kind="human")
    (line,) = lines(stream)
    assert line.pop("at").endswith("Z")
    assert line == {"event": "mail-judged", "level": "info", "journal_id": 7, "kind": "human"}


def test_a_line_break_in_a_value_stays_inside_the_line(stream: io.StringIO) -> None:
    open_log(stream).warning(Event.RULES_REJECTED, faults="a\nb\u2028c")
    assert len(stream.getvalue().split("\n")) == 2


def test_what_lies_below_the_level_is_not_written(stream: io.StringIO) -> None:
    open_log(stream, logging.WARNING).info(Event.READY)
    assert stream.getvalue() == ""


def test_an_error_carries_its_traceback_in_the_line(stream: io.StringIO) -> None:
    log = open_log(stream)
    try:
        raise ZeroDivisionError("by hand")
    except ZeroDivisionError:
        log.exception(Event.MAIL_SHUNTED)
    (line,) = lines(stream)
    assert line["level"] == "error"
    assert "ZeroDivisionError: by hand" in line["exception"]


@pytest.mark.usefixtures("_restored")
def test_libraries_speak_in_the_same_form_from_warning_on(stream: io.StringIO) -> None:
    bridge(open_log(stream))
    logging.getLogger("mail.log").info("a command")
    logging.getLogger("uvicorn.error").warning("odd %s", "thing")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["library"], line["said"]) == (
        "library-spoke",
        "warning",
        "uvicorn.error",
        "odd thing",
    )
