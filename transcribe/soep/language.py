"""The language of the consult that is being read: which rule tables count. Set once around a draft or a check."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

DUTCH, ENGLISH = "nl", "en"
#: A Dutch note beside an English talk: the words of both count.
BOTH = "nl+en"

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_language: ContextVar[str] = ContextVar("language of the consult", default=DUTCH)


def language() -> str:
    """``DUTCH``, ``ENGLISH`` or ``BOTH``."""
    return _language.get()


@contextmanager
def speaking(spoken: str) -> Iterator[None]:
    """What happens inside reads with the tables of this language; a language without tables with the Dutch ones."""
    token = _language.set(spoken if spoken in (DUTCH, ENGLISH, BOTH) else DUTCH)
    try:
        yield
    finally:
        _language.reset(token)


def comparing(spoken: str) -> str:
    """The tables to compare a note with a talk in this language: an English talk may have a Dutch note."""
    return BOTH if spoken == ENGLISH else DUTCH


def by_language(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Something made from the rule tables, kept for the life of the process, apart for each language."""

    @functools.cache
    def made(_: str, *arguments: object) -> _Result:
        return function(*arguments)  # type: ignore[arg-type, call-arg]

    @functools.wraps(function)
    def asked(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        assert not named, "arguments by place only"
        return made(_language.get(), *arguments)

    return asked
