"""The short form of ``make chaos``: a real service, one thing breaks at a time, nothing is lost."""

from __future__ import annotations

import pytest

from tests.chaos import harness
from tests.chaos_faults import FAULTS

pytestmark = pytest.mark.slow

#: What differs most from one another, in the order of a bad day; ``make chaos`` has all of them. A web and a supervisor
#: that are killed have tests of their own (``test_browser_kill.py``, ``test_serve.py``).
DAY = ("kill-worker-decoder", "withdraw-transcribing", "kill-postgres", "disk-full", "kill-worker")


def test_nothing_is_lost_whatever_breaks() -> None:
    faults = {fault.name: fault for fault in FAULTS}
    # no timing here: the two seconds of a withdrawal are measured by ``make chaos``
    with harness("ci", away_s=10.0, withdrawn_within_s=60.0) as chaos:
        for number, name in enumerate(DAY, start=1):
            why = chaos.cant(faults[name])
            if why:
                print(f"left out: {name}: {why}")
                continue
            told = chaos.round(number, faults[name])
            print(told.line())
            assert not told.violations, f"{told.line()} complaints: {chaos.service.complaints()}"
        told = chaos.end()
        assert not told.violations, f"{told.line()} complaints: {chaos.service.complaints()}"
