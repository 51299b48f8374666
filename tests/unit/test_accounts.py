"""The rules of passwords, codes and tries."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.accounts import (
    ACCOUNT,
    LEAST_PASSWORD,
    RECOVERY_CODES,
    Account,
    LastManager,
    Limit,
    State,
    Tries,
    check_name_free,
    check_password,
    check_still_managed,
    checked_login,
    checked_name,
    code_at,
    new_recovery_codes,
    one_more,
    recovery_digest,
    secret_text,
    secret_uri,
    step_of,
)
from transcribe.consult import Role
from transcribe.errors import InvalidInput

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = b"12345678901234567890"
KNOWN = ["Dr. A. Janssen", "a.janssen", "Huisartsenpraktijk De Linde"]


# --- passwords -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        "vier paarden op zolder",
        "correct horse battery staple",
        "gr8fnq2!xw9p",
        "Ééndeüïëöpje met thee",
        "de linde achter het spoor",  # words of the practice are no harm beside others
    ],
)
def test_a_long_password_is_good_whatever_it_is_made_of(password: str) -> None:
    check_password(password, KNOWN)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "kort",
        "elf letters",
        "Welkom2026!!",
        "Wachtwoord123",
        "W@chtwoord2026",
        "janssen-janssen",
        "DeLinde2026!",
        "a.janssen.1975",
        "aaaaaaaaaaaaaaaa",
        "123456789012345",
        "abcabcabcabcabc",
        "qwertyuiop123",
        "HuisartsPraktijk1",
        "zomer2025zomer",
        "x" * 201,
    ],
)
def test_a_password_that_is_short_or_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        check_password(password, KNOWN)


@given(st.text(max_size=LEAST_PASSWORD - 1).filter(lambda text: text.isascii()))
def test_nothing_short_is_taken(password: str) -> None:
    with pytest.raises(InvalidInput):
        check_password(password, [])


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "kept"), [(" A.Jansen ", "a.jansen"), ("w_neem@praktijk.example", None)])
def test_a_login_is_lower_case(typed: str, kept: str | None) -> None:
    assert checked_login(typed) == (kept or typed)


@pytest.mark.parametrize("typed", ["", "ab", "a jansen", "<script>", "é.jansen", "x" * 61, ".jansen", "a\0b"])
def test_an_impossible_login_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput):
        checked_login(typed)


@pytest.mark.parametrize("typed", ["", "  ", "x" * 101, "W.\x1bNeem"])
def test_an_impossible_name_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput):
        checked_name(typed)


def account(name: str, **changes: object) -> Account:
    made = Account(
        id=uuid4(),
        practice="",
        login=name.lower(),
        name=name,
        role=Role.HUISARTS,
        manages=False,
        state=State.ACTIVE,
        version=1,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", Role)
def test_who_is_no_doctor_works_for_the_practice(role: Role) -> None:
    actor = account("Jansen", practice="De Linde", role=role).actor
    doctor = role in {Role.HUISARTS, Role.WAARNEMER}
    assert (actor.name, actor.role, actor.responsible) == ("Jansen", role, "" if doctor else "De Linde")


def test_two_colleagues_never_have_one_name() -> None:
    with pytest.raises(InvalidInput):
        check_name_free([account("W. de Neem")], "w. DE neem")
    check_name_free([account("W. de Neem")], "J. de Neem")


def test_somebody_always_manages() -> None:
    manager, other = account("A", manages=True), account("B")
    everybody = [manager, other]
    check_still_managed(everybody, replace(manager, role=Role.POH))
    for left in (replace(manager, manages=False), replace(manager, state=State.DISABLED)):
        with pytest.raises(LastManager):
            check_still_managed(everybody, left)
    check_still_managed([manager, replace(other, manages=True)], replace(manager, manages=False))


def test_secrets_are_not_in_a_repr() -> None:
    shown = repr(account("A", password="geheim-1", secret=b"geheim-2", recovery=(b"geheim-3",), invitation=b"geheim-4"))
    assert "geheim" not in shown


# --- the second step -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    """RFC 6238, appendix B, SHA-1, the last six of its eight digits."""
    assert code_at(SECRET, seconds // 30) == code
    assert step_of(SECRET, f"{code[:3]} {code[3:]}", datetime.fromtimestamp(seconds, UTC), after=0) == seconds // 30


@given(late=st.integers(-3, 3), used=st.integers(-3, 3))
def test_a_code_is_taken_a_step_early_or_late_and_never_again(late: int, used: int) -> None:
    this = int(NOW.timestamp()) // 30
    found = step_of(SECRET, code_at(SECRET, this + late), NOW, after=this + used)
    assert found == (this + late if abs(late) <= 1 and late > used else None)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "é" * 6, "١٢٣٤٥٦"])
def test_anything_else_is_no_code(typed: str) -> None:
    assert step_of(SECRET, typed, NOW, after=0) is None


def test_the_picture_and_the_text_are_the_same_secret() -> None:
    text = secret_text(SECRET)
    assert base64.b32decode(text.replace(" ", "")) == SECRET
    uri = secret_uri(SECRET, login="a.jansen", practice="De Linde & Zn")
    assert uri.startswith("otpauth://totp/transcribe%20De%20Linde%20%26%20Zn:a.jansen?secret=")
    assert text.replace(" ", "") in uri


def test_recovery_codes_are_many_long_and_different() -> None:
    codes = new_recovery_codes()
    assert len({recovery_digest(code) for code in codes}) == RECOVERY_CODES
    assert recovery_digest(codes[0].upper().replace("-", " ")) == recovery_digest(codes[0])


# --- guessing ------------------------------------------------------------------------------------------------------


def test_after_the_free_tries_each_costs_more() -> None:
    tries, now, waits = None, NOW, []
    for _ in range(16):
        made = one_more(tries, now, ACCOUNT)
        assert made is not None
        wait = (made.closed_until or now) - now
        if wait:
            assert one_more(made, now + wait - timedelta(seconds=1), ACCOUNT) is None
        waits.append(wait.total_seconds())
        tries, now = made, now + wait
    assert waits[: ACCOUNT.free - 1] == [0] * (ACCOUNT.free - 1)
    assert waits[ACCOUNT.free - 1 :] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


@given(
    steps=st.lists(st.integers(0, 900), max_size=60),
    limit=st.builds(
        Limit,
        free=st.integers(1, 10),
        longest=st.integers(1, 300).map(lambda s: timedelta(seconds=s)),
        forgotten=st.just(timedelta(hours=1)),
    ),
)
def test_nobody_waits_longer_than_the_longest(steps: list[int], limit: Limit) -> None:
    tries: Tries | None = None
    now = NOW
    for step in steps:
        now += timedelta(seconds=step)
        made = one_more(tries, now, limit)
        if made is None:
            assert tries is not None
            assert tries.closed_until is not None
            assert tries.closed_until - now <= limit.longest
        tries = made or tries


def test_an_hour_without_tries_forgets_them() -> None:
    tries = Tries(count=40, last=NOW, closed_until=NOW + timedelta(minutes=5))
    made = one_more(tries, NOW + timedelta(hours=1, seconds=1), ACCOUNT)
    assert made == Tries(count=1, last=NOW + timedelta(hours=1, seconds=1))
