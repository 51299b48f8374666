"""A disk that does not answer keeps nobody waiting for good."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from transcribe.store.answers import Answers

HERE, THERE = Path("/mnt/een"), Path("/mnt/twee")
LONG_S = 60.0


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What hangs goes on when this is set."""
    event = threading.Event()
    yield event
    event.set()


def test_what_is_returned_and_what_is_raised_comes_through() -> None:
    answers = Answers()

    def fails() -> None:
        raise PermissionError(errno.EACCES, "x")

    assert answers.of(HERE, lambda: 3, limit_s=LONG_S) == 3
    with pytest.raises(PermissionError):
        answers.of(HERE, fails, limit_s=LONG_S)
    assert answers.of(HERE, lambda: 4, limit_s=LONG_S) == 4


def test_one_that_hangs_is_waited_for_once_and_holds_up_no_other(released: threading.Event) -> None:
    answers, done = Answers(), threading.Event()

    def hangs() -> None:
        released.wait()
        done.set()

    with pytest.raises(TimeoutError):
        answers.of(HERE, hangs, limit_s=0.05)
    with pytest.raises(TimeoutError) as told:
        answers.of(HERE, lambda: pytest.fail("a second one beside the first"), limit_s=1e9)
    assert (told.value.errno, told.value.filename) == (errno.ETIMEDOUT, str(HERE))
    assert answers.of(THERE, lambda: 5, limit_s=LONG_S) == 5
    released.set()
    assert done.wait(LONG_S), "it goes on by itself"
    while True:  # the thread is about to say that it has ended
        try:
            assert answers.of(HERE, lambda: 6, limit_s=LONG_S) == 6
        except TimeoutError:
            continue
        break


def test_one_at_a_time(released: threading.Event) -> None:
    answers, begun, order = Answers(), threading.Event(), []

    def slow() -> None:
        begun.set()
        released.wait()
        order.append("first")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(answers.of, HERE, slow, limit_s=LONG_S)
        assert begun.wait(LONG_S)
        second = pool.submit(answers.of, HERE, lambda: order.append("second"), limit_s=LONG_S)
        released.set()
        first.result()
        second.result()
    assert order == ["first", "second"]
