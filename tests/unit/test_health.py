"""When a service is well: a truth table."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from transcribe.consult import Lane, Space
from transcribe.errors import OtherSchema, SetupProblem, StoreUnavailable
from transcribe.health import KEEPER_LATE_S, PROBLEM_TEXT, Problem, examine
from transcribe.vitals import STALE_S, Queue, Vitals, WorkerVitals

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
WORKER = WorkerVitals(
    id=uuid4(),
    host="praktijk-1",
    pid=12,
    lane=Lane.LIVE,
    device="cpu",
    model="large-v3",
    queues=("asr.live", "note.live"),
    started_at=NOW,
    beat_s=0.4,
)
WORK = Queue(name="asr.live", waiting=2, running=0, oldest_s=3.0)
QUIET = Vitals(at=NOW, queues=(), workers=(), consults={}, stopped={}, recorded_s=0, lost_s=0)
BUSY = replace(QUIET, queues=(WORK,), workers=(WORKER,))
ROOM = Space(total=100, free=50)
LATE = replace(QUIET, tended_s=KEEPER_LATE_S)
OLD = replace(WORKER, started_at=NOW - timedelta(seconds=KEEPER_LATE_S))


def away(*_: object) -> Vitals:
    raise StoreUnavailable


def other_schema(*_: object) -> Vitals:
    raise OtherSchema


def other_key() -> None:
    raise SetupProblem(problem="de hoofdsleutel hoort niet bij deze database")


@pytest.mark.parametrize(
    ("vitals", "problems"),
    [
        (QUIET, set()),
        (BUSY, set()),
        (replace(BUSY, workers=()), {Problem.NO_WORKER}),
        (replace(BUSY, workers=(replace(WORKER, beat_s=STALE_S),)), {Problem.NO_WORKER}),
        (replace(BUSY, workers=(replace(WORKER, queues=("asr.batch",)),)), {Problem.NO_WORKER}),
        (replace(BUSY, workers=(replace(WORKER, model=""),)), {Problem.NO_MODEL}),
        (replace(BUSY, workers=(replace(WORKER, model=""), replace(WORKER, id=uuid4()))), set()),
        (replace(BUSY, queues=(replace(WORK, waiting=0, running=1),), workers=()), set()),
        (replace(QUIET, workers=(replace(WORKER, model=""),)), set()),
        (replace(QUIET, recorded_s=60, lost_s=0.1), {Problem.LOST_SOUND}),
        (LATE, {Problem.NO_KEEPER}),
        (replace(LATE, tended_s=KEEPER_LATE_S - 1), set()),
        (replace(LATE, workers=(OLD,)), {Problem.NO_KEEPER}),
        (replace(LATE, workers=(WORKER,)), set()),  # the service was off, and has just started
        (replace(LATE, workers=(WORKER, replace(OLD, id=uuid4()))), {Problem.NO_KEEPER}),
    ],
)
def test_what_the_figures_say(vitals: Vitals, problems: set[Problem]) -> None:
    assert set(examine(lambda: vitals, lambda: ROOM, min_free_percent=5).problems) == problems


@pytest.mark.parametrize(
    ("read", "space", "check_key", "problems"),
    [
        (away, lambda: ROOM, lambda: None, {Problem.DATABASE}),
        (lambda: QUIET, lambda: Space(total=100, free=4), lambda: None, {Problem.DISK_LOW}),
        (lambda: QUIET, lambda: Space(total=100, free=5), lambda: None, set()),
        (lambda: QUIET, lambda: ROOM, other_key, {Problem.MASTER_KEY}),
        (other_schema, lambda: ROOM, lambda: None, {Problem.DATABASE}),
        (away, lambda: Space(total=100, free=0), other_key, {Problem.DATABASE, Problem.DISK_LOW}),
    ],
)
def test_what_is_around_it(
    read: Callable[[], Vitals], space: Callable[[], Space], check_key: Callable[[], None], problems: set[Problem]
) -> None:
    found = examine(read, space, min_free_percent=5, check_key=check_key)
    assert set(found.problems) == problems


def test_a_disk_that_does_not_answer_is_a_problem_too() -> None:
    def gone() -> Space:
        raise FileNotFoundError

    assert examine(lambda: QUIET, gone, min_free_percent=5).problems == (Problem.DISK_LOW,)


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (errno.EROFS, Problem.DISK_WRITE),
        (errno.EIO, Problem.DISK_WRITE),
        (errno.ENOENT, Problem.DISK_WRITE),
        (errno.ENOSPC, Problem.DISK_LOW),
    ],
)
def test_a_disk_that_can_not_be_written_to_is_a_problem(number: int, problem: Problem) -> None:
    def fails() -> None:
        raise OSError(number, "x")

    assert examine(lambda: QUIET, lambda: ROOM, min_free_percent=5, try_disk=fails).problems == (problem,)
    full = examine(lambda: QUIET, lambda: Space(total=100, free=0), min_free_percent=5, try_disk=fails)
    assert full.problems == tuple({problem: 1, Problem.DISK_LOW: 1}), "each is said once"


@pytest.mark.parametrize("problem", [StoreUnavailable(), SetupProblem(problem="x"), PermissionError(), None])
def test_a_store_of_sound_that_does_not_answer_is_a_problem(problem: Exception | None) -> None:
    def ask() -> None:
        if problem:
            raise problem

    found = examine(lambda: QUIET, lambda: ROOM, min_free_percent=5, ask_sound=ask)
    assert found.problems == ((Problem.SOUND_STORE,) if problem else ())
    assert found.vitals is QUIET


def test_every_problem_has_its_sentence() -> None:
    assert set(PROBLEM_TEXT) == set(Problem)
