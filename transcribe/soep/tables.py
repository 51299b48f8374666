"""The files of ``transcribe/soep/rules``, read once."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources


@functools.cache
def table(name: str) -> dict[str, object]:
    """One file of rules."""
    return tomllib.loads(resources.files("transcribe.soep.rules").joinpath(name).read_text(encoding="utf-8"))
