"""The consent record and its gate."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import (
    AgeClass,
    ConsentMissing,
    ConsentProblem,
    ConsentStatus,
    GivenBy,
    How,
    Purpose,
    age_class,
    allows,
    current_text,
    grant,
    refuse,
    require,
    text,
    withdraw,
)
from consent.consent import COMMON_PURPOSES, MAY_GIVE

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WORDS = current_text("nl")


def given_consent(**changes):
    fields = {
        "how": How.SPOKEN,
        "informed_by": "A. de Wit, assistente",
        "text_id": WORDS.id,
        "text_sha256": WORDS.sha256,
        "others_informed": True,
        "now": NOW,
    }
    return grant(**(fields | changes))


@pytest.mark.parametrize(
    ("born", "on", "expected"),
    [
        (date(2014, 11, 23), date(2026, 11, 22), AgeClass.UNDER_12),
        (date(2014, 11, 22), date(2026, 11, 22), AgeClass.FROM_12_TO_15),  # the twelfth birthday itself
        (date(2010, 11, 23), date(2026, 11, 22), AgeClass.FROM_12_TO_15),
        (date(2010, 11, 22), date(2026, 11, 22), AgeClass.FROM_16),  # the sixteenth birthday itself
        (date(2012, 2, 29), date(2028, 2, 28), AgeClass.FROM_12_TO_15),
        (date(2012, 2, 29), date(2028, 2, 29), AgeClass.FROM_16),
        (date(2012, 2, 29), date(2024, 2, 28), AgeClass.UNDER_12),
        (date(2011, 2, 28), date(2027, 2, 28), AgeClass.FROM_16),
    ],
)
def test_age_class_on_exact_birthdays(born: date, on: date, expected: AgeClass) -> None:
    assert age_class(born, on) is expected


def test_the_unborn_have_no_age_class() -> None:
    with pytest.raises(ValueError):
        age_class(date(2026, 11, 23), date(2026, 11, 22))


@pytest.mark.parametrize("age", list(AgeClass))
@pytest.mark.parametrize("who", list(GivenBy))
def test_who_may_give_consent_at_which_age(age: AgeClass, who: GivenBy) -> None:
    if who in MAY_GIVE[age]:
        assert given_consent(age=age, given_by=who).status is ConsentStatus.ACTIVE
    else:
        with pytest.raises(ConsentProblem):
            given_consent(age=age, given_by=who)


@pytest.mark.parametrize(
    "changes", [{"informed_by": "  "}, {"others_informed": False}, {"purposes": frozenset()}], ids=str
)
def test_a_consent_that_proves_nothing_is_not_recorded(changes) -> None:
    with pytest.raises(ConsentProblem):
        given_consent(**changes)


def test_optional_purposes_are_off_unless_given() -> None:
    consent = given_consent()
    assert consent.purposes == COMMON_PURPOSES
    for purpose in Purpose:
        if purpose in COMMON_PURPOSES:
            require(consent, purpose)
        else:
            with pytest.raises(ConsentMissing):
                require(consent, purpose)


@given(purposes=st.sets(st.sampled_from(list(Purpose)), min_size=1), purpose=st.sampled_from(list(Purpose)))
def test_the_gate_opens_for_exactly_what_was_given(purposes, purpose) -> None:
    assert allows(given_consent(purposes=frozenset(purposes)), purpose) == (purpose in purposes)


@pytest.mark.parametrize("purpose", list(Purpose))
def test_no_gate_opens_without_consent_after_refusal_or_after_withdrawal(purpose: Purpose) -> None:
    refused = refuse(informed_by="x", text_id=WORDS.id, text_sha256=WORDS.sha256, now=NOW)
    withdrawn = withdraw(given_consent(purposes=frozenset(Purpose)), now=NOW + timedelta(minutes=3))
    for consent in (None, refused, withdrawn):
        with pytest.raises(ConsentMissing):
            require(consent, purpose)


def test_a_withdrawal_is_the_next_version_of_the_same_record() -> None:
    before = given_consent()
    after = withdraw(before, now=NOW + timedelta(minutes=3))
    assert (after.id, after.version, after.withdrawn_at) == (before.id, 2, NOW + timedelta(minutes=3))


def test_moments_carry_a_time_zone() -> None:
    with pytest.raises(ValueError):
        given_consent(now=datetime(2026, 11, 22))  # noqa: DTZ001


def test_the_words_are_known_by_hash_and_old_words_stay() -> None:
    for language in ("nl", "en"):
        words = current_text(language)
        assert words.body
        assert text(words.id) == words
    assert WORDS.sha256 == "c17d4eaa33d3d6ee57dd884a24319b63017833d4c948c0198efcab4b8b8ab1bc"
