"""What a person and the log are told of an error that nobody expected."""

from __future__ import annotations

import errno

import pytest

from transcribe.web.errors import kind


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EROFS, "geheim", "geheim"), "OSError EROFS"),
        (OSError(errno.EACCES, "geheim"), "PermissionError EACCES"),
        (OSError(99999, "geheim"), "OSError 99999"),
        (OSError("geheim"), "OSError"),
        (KeyError("geheim"), "KeyError"),
    ],
)
def test_of_the_system_the_log_is_told_what_is_wrong_and_nothing_else(error: Exception, told: str) -> None:
    assert kind(error) == told
