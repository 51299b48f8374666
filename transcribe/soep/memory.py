"""What the rules keep for speed while they work on a consult, and how it is dropped when they are done."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import ParamSpec, TypeVar

from transcribe.soep.language import language

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_kept: list[Callable[[], None]] = []
_at_work: list[object] = []
_lock = Lock()


def remembered(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A pure function of text and language that is asked the same many times. Its answers hold text: see ``forget``."""

    @functools.lru_cache(maxsize=50_000)
    def cached(_: str, *arguments: object) -> _Result:
        return function(*arguments)  # type: ignore[arg-type, call-arg]

    @functools.wraps(function)
    def asked(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        assert not named, "arguments by place only"
        return cached(language(), *arguments)

    _kept.append(cached.cache_clear)
    asked.cache_info = cached.cache_info  # type: ignore[attr-defined]  # how much is kept: 0 after ``forget``
    return asked


def forget() -> None:
    """Nothing of a consult stays in memory once its work is done."""
    with _lock:
        if not _at_work:
            _clear()


@contextmanager
def remembering() -> Iterator[None]:
    """Several steps with one consult, each of which would forget what the next one asks again."""
    me = object()
    with _lock:
        _at_work.append(me)
    try:
        yield
    finally:
        with _lock:
            _at_work.remove(me)
            if not _at_work:
                _clear()


def _clear() -> None:
    for clear in _kept:
        clear()
