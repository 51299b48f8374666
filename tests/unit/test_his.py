"""What a HIS signs: exactly that is taken, and nothing that differs in one character, or in its time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.web.his import SKEW, WAITS, Refusal, Refused, check, signature

SECRET = "geheim-van-deze-test-0123456789-abcdef"
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TIME = str(int(NOW.timestamp()))
#: What a reference may be: anything that can be shown, not only blanks.
REFERENCES = st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable() and text.strip())
ANYTHING = st.text(max_size=80)


def form(ref: str, *, time: str = TIME, secret: str = SECRET) -> dict[str, str]:
    return {"kenmerk": ref, "tijd": time, "handtekening": signature(secret, time, ref).hex()}


def refusal(fields: Mapping[str, str], *, secret: str = SECRET, now: datetime = NOW) -> Refusal:
    with pytest.raises(Refused) as refused:
        check(secret, fields, now)
    return refused.value.why


@given(REFERENCES, st.timedeltas(-SKEW, SKEW))
def test_what_was_signed_now_is_taken(ref: str, late: timedelta) -> None:
    signed, found = check(SECRET, form(ref), NOW + late)
    assert found == ref
    assert signed == signature(SECRET, TIME, ref)


@given(REFERENCES, ANYTHING)
def test_another_reference_under_the_same_signature_is_refused(ref: str, other: str) -> None:
    if other != ref:
        assert refusal(form(ref) | {"kenmerk": other}) is Refusal.WRONG


@given(REFERENCES, st.text(min_size=1, max_size=40))
def test_another_secret_is_refused(ref: str, other: str) -> None:
    if other != SECRET:
        assert refusal(form(ref, secret=other)) is Refusal.WRONG


@given(REFERENCES, st.integers(0, 255))
def test_one_bit_of_the_signature_is_enough(ref: str, bit: int) -> None:
    signed = bytearray(signature(SECRET, TIME, ref))
    signed[bit // 8] ^= 1 << bit % 8
    assert refusal(form(ref) | {"handtekening": signed.hex()}) is Refusal.WRONG


@given(ANYTHING, ANYTHING, ANYTHING)
def test_whatever_somebody_posts_it_is_refused_and_nothing_breaks(ref: str, time: str, signed: str) -> None:
    assert refusal({"kenmerk": ref, "tijd": time, "handtekening": signed}) is Refusal.WRONG


@given(REFERENCES, st.integers(1, 10**9))
def test_too_early_and_too_late_are_refused_also_with_the_right_signature(ref: str, beyond_s: int) -> None:
    beyond = int(SKEW.total_seconds()) + beyond_s
    for moment in (max(0, int(TIME) - beyond), int(TIME) + beyond):
        assert refusal(form(ref, time=str(moment))) is Refusal.LATE


@given(st.tuples(ANYTHING, ANYTHING), st.tuples(ANYTHING, ANYTHING))
def test_no_two_messages_are_signed_alike(one: tuple[str, str], other: tuple[str, str]) -> None:
    """The time holds no line end when it is taken, so what is signed tells where the reference begins."""
    times = ["".join(part for part in time if part.isdigit()) for time, _ in (one, other)]
    alike = signature(SECRET, times[0], one[1]) == signature(SECRET, times[1], other[1])
    assert alike == ((times[0], one[1]) == (times[1], other[1]))


@pytest.mark.parametrize("time", ["", "+1", " 1", "1_0", "nu", "1e9", "9" * 13, "١٢"])
def test_a_signed_time_that_is_none_is_refused(time: str) -> None:
    assert refusal(form("P-1", time=time)) is Refusal.WRONG


@pytest.mark.parametrize("ref", ["", "  ", "P" * 65, "P-1\nP-2", "P-1\x00"])
def test_a_signed_reference_that_is_none_is_refused(ref: str) -> None:
    assert refusal(form(ref)) is Refusal.WRONG


def test_without_a_secret_nothing_is_taken() -> None:
    assert refusal(form("P-1", secret=""), secret="") is Refusal.OFF


def test_a_signature_is_remembered_for_longer_than_it_is_good() -> None:
    assert WAITS > 2 * SKEW
