"""Log lines: what they tell, and above all what they do not."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe import logs

CANARY = "Kanariepiet Quibus hoest sinds Driekoningen"
ID = UUID("12345678-1234-5678-1234-567812345678")


def record(name: str = "transcribe.web", *, error: BaseException | None = None, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord(
        name,
        logging.ERROR,
        __file__,
        1,
        "consult %s",
        ("x",),
        (type(error), error, error.__traceback__) if error else None,
    )
    vars(made).update(extra)
    return made


def caught() -> ValueError:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        return error


def test_a_line_of_json_has_its_parts() -> None:
    line = json.loads(logs.JsonLines().format(record(job=7, consult=ID, stage="concept", part_s=1.5, ok=True)))
    assert line.pop("ts").endswith("+00:00")
    assert line == {
        "level": "error",
        "logger": "transcribe.web",
        "event": "consult x",
        "job": 7,
        "consult": str(ID),
        "stage": "concept",
        "part_s": 1.5,
        "ok": True,
    }


@pytest.mark.parametrize("formatter", [logs.JsonLines(), logs.Text()])
def test_an_exception_is_its_type_and_its_way(formatter: logging.Formatter) -> None:
    line = formatter.format(record(error=caught()))
    assert "ValueError" in line
    assert "test_logs.py:" in line
    assert CANARY not in line
    assert "\n" not in line


@pytest.mark.parametrize("formatter", [logs.JsonLines(), logs.Text()])
def test_extra_that_is_no_code_is_left_out(formatter: logging.Formatter) -> None:
    line = formatter.format(record(note=CANARY, lines=[CANARY], event="vals", more={"x": CANARY}))
    assert "Kanariepiet" not in line


@pytest.mark.parametrize("formatter", [logs.JsonLines(), logs.Text()])
def test_of_a_library_only_the_fixed_text_counts(formatter: logging.Formatter) -> None:
    made = logging.LogRecord("anyio", logging.ERROR, __file__, 1, f"went wrong: %s\nwith {CANARY}", (CANARY,), None)
    made.note = "code"
    line = formatter.format(made)
    assert "went wrong" in line
    assert "Kanariepiet" not in line
    assert "code" not in line


@given(st.text(), st.text())
def test_json_is_one_line_whatever_is_in_it(message: str, extra: str) -> None:
    made = logging.LogRecord("transcribe", logging.INFO, __file__, 1, "%s", (message,), None)
    made.extra = extra
    line = logs.JsonLines().format(made)
    assert json.loads(line)["event"] == message
    assert "\n" not in line
    assert "\r" not in line


def test_libraries_only_speak_when_something_is_wrong() -> None:
    def at(name: str, level: int) -> bool:
        return logs.wanted(logging.LogRecord(name, level, __file__, 1, "x", (), None))

    assert at("transcribe.web.guard", logging.INFO)
    assert not at("procrastinate.worker", logging.INFO)
    assert at("procrastinate.worker", logging.WARNING)
    assert not at("transcriber", logging.INFO)


PROGRAM = f"""
import asyncio, logging, sys, threading
from transcribe import logs
logs.configure(sys.argv[1])
logging.getLogger("transcribe.test").info("begint", extra={{"job": 3}})
logging.getLogger("procrastinate").info("not wanted")

def fails():
    raise ValueError({CANARY!r})

async def nobody_asks():
    asyncio.get_running_loop().create_task(wrong())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

async def wrong():
    fails()

class Falls:
    def __del__(self):
        fails()

asyncio.run(nobody_asks())
Falls()
thread = threading.Thread(target=fails)
thread.start()
thread.join()
fails()
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_whole_process_that_fails_in_every_way_says_nothing_of_what_it_held(form: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, form], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Kanariepiet" not in done.stderr + done.stdout
    assert "not wanted" not in done.stderr
    assert "begint" in done.stderr
    lines = done.stderr.splitlines()
    assert sum("ValueError" in line for line in lines) >= 4, done.stderr
    if form == "json":
        assert all(json.loads(line)["ts"] for line in lines)


@pytest.mark.parametrize("formatter", [logs.JsonLines(), logs.Text()])
def test_of_tasks_that_failed_together_the_first_is_told(formatter: logging.Formatter) -> None:
    inner = caught()
    group = ExceptionGroup(CANARY, [ExceptionGroup(CANARY, [inner]), OSError()])
    assert logs.place(group) == logs.place(inner)
    line = formatter.format(record(error=group))
    assert "ValueError" in line
    assert "Group" not in line
    assert CANARY not in line
