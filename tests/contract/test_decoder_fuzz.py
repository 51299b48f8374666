"""Damaged recordings by the dozen: no crash of ours, no hang, bounded memory. See ``scripts/fuzz_containers.py``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.fuzzing import outcome_of, round_of, seeds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc"),
]

ROUNDS = 4  # of each container


def test_whatever_is_in_a_file_a_decode_ends() -> None:
    outcomes = Counter(outcome_of(round_of(1, number)[1]) for number in range(ROUNDS * len(seeds())))
    assert outcomes["read"], "none of them could be read: what was damaged was no recording"
    assert outcomes.total() > outcomes["read"], "all of them could be read: nothing was damaged"
