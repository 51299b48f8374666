"""What the rules keep for speed while they work on a consult, and how it is dropped when they are done."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_kept: list[Callable[[], None]] = []


def remembered(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A pure function of text that is asked the same many times. Its answers hold text, so ``forget`` drops them."""
    cached = functools.lru_cache(maxsize=50_000)(function)
    _kept.append(cached.cache_clear)
    functools.update_wrapper(cached, function)
    return cached  # type: ignore[return-value]


def forget() -> None:
    """Nothing of a consult stays in memory once its work is done."""
    for clear in _kept:
        clear()
