"""The consent record and its gate."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import (
    COMMON_PURPOSES,
    AgeClass,
    Capacity,
    Consent,
    ConsentMissing,
    ConsentProblem,
    ConsentStatus,
    Device,
    Exception12,
    GivenBy,
    How,
    Informed,
    Interpreter,
    Purpose,
    Relation,
    Used,
    Withdrawer,
    age_class,
    allows,
    current_text,
    grant,
    refuse,
    require,
    sentence,
    text,
    used,
    withdraw,
)
from transcribe.store import codec

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WORDS = current_text("nl")
FIRST = Used(
    id="mondeling-nl-2026-11",
    version="2026-11",
    sha256="c17d4eaa33d3d6ee57dd884a24319b63017833d4c948c0198efcab4b8b8ab1bc",
)
UNABLE = Capacity(capable=False, judged_by="A. de Wit (huisarts)")


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


def told(age: AgeClass, given_by: GivenBy, capacity: Capacity | None, exception: Exception12 | None) -> bool:
    """The rule once more, as a table: who decides, by age, and by whether the patient can."""
    if exception and (age, given_by) != (AgeClass.FROM_12_TO_15, GivenBy.PATIENT):
        return False
    decides = {
        (AgeClass.UNDER_12, True): {GivenBy.PARENT},
        (AgeClass.UNDER_12, False): {GivenBy.PARENT},
        (AgeClass.FROM_12_TO_15, True): {GivenBy.PATIENT if exception else GivenBy.PATIENT_AND_PARENT},
        (AgeClass.FROM_12_TO_15, False): set() if exception else {GivenBy.PARENT},
        (AgeClass.FROM_16, True): {GivenBy.PATIENT},
        (AgeClass.FROM_16, False): {GivenBy.REPRESENTATIVE},
    }
    return given_by in decides[age, capacity is None or capacity.capable]


@pytest.mark.parametrize("age", AgeClass)
@pytest.mark.parametrize("given_by", GivenBy)
@pytest.mark.parametrize("capacity", [None, *(Capacity(capable=able, judged_by="A. de Wit") for able in (True, False))])
@pytest.mark.parametrize("exception", [None, *Exception12])
def test_who_may_give_consent(age, given_by, capacity, exception) -> None:
    relation = Relation.MENTOR if given_by is GivenBy.REPRESENTATIVE else None
    fields = {"age": age, "given_by": given_by, "capacity": capacity, "exception": exception, "relation": relation}
    if told(age, given_by, capacity, exception):
        consent = given_consent(**fields)
        assert {name: getattr(consent, name) for name in fields} == fields
    else:
        with pytest.raises(ConsentProblem):
            given_consent(**fields)


@pytest.mark.parametrize("relation", [None, *Relation])
def test_what_whoever_speaks_for_the_patient_is_to_him(relation: Relation | None) -> None:
    child = {"age": AgeClass.UNDER_12, "given_by": GivenBy.PARENT, "relation": relation}
    adult = {"given_by": GivenBy.REPRESENTATIVE, "capacity": UNABLE, "relation": relation}
    alone = {"relation": relation}
    for fields, fits in (
        (child, relation in {None, Relation.PARENT, Relation.GUARDIAN}),
        (adult, relation is not None),
        (alone, relation is None),
    ):
        if fits:
            assert given_consent(**fields).relation is relation
        else:
            with pytest.raises(ConsentProblem):
                given_consent(**fields)


@given(born=st.dates(date(1901, 1, 1), date(2026, 11, 22)), on=st.dates(date(2026, 11, 22), date(2026, 12, 31)))
def test_an_age_class_is_the_number_of_birthdays(born: date, on: date) -> None:
    def birthday(years: int) -> date:
        try:
            return born.replace(year=born.year + years)
        except ValueError:  # 29 February
            return date(born.year + years, 3, 1)

    expected = AgeClass.UNDER_12 if on < birthday(12) else AgeClass.FROM_16
    if birthday(12) <= on < birthday(16):
        expected = AgeClass.FROM_12_TO_15
    assert age_class(born, on) is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"informed_by": "  "},
        {"informed_by": "a" * 121},
        {"others_informed": False},
        {"informed": frozenset()},
        {"language": "Turks; DROP"},
        {"language": "x" * 31},
        {"interpreter": Interpreter.PHONE},
        {"capacity": Capacity(capable=True, judged_by=" ")},
    ],
    ids=str,
)
def test_a_consent_that_proves_nothing_is_not_recorded(changes) -> None:
    with pytest.raises(ConsentProblem):
        given_consent(**changes)


def test_only_what_makes_the_note_is_asked() -> None:
    """Nothing here keeps sound, judges quality by content or trains on it: such a consent would be for nothing."""
    consent = given_consent()
    assert consent.purposes == COMMON_PURPOSES
    for purpose in Purpose:
        if purpose in COMMON_PURPOSES:
            require(consent, purpose)
        else:
            with pytest.raises(ConsentMissing):
                require(consent, purpose)


@given(purposes=st.frozensets(st.sampled_from(list(Purpose))), purpose=st.sampled_from(list(Purpose)))
def test_the_gate_opens_for_exactly_what_was_given(purposes, purpose) -> None:
    assert allows(replace(given_consent(), purposes=purposes), purpose) == (purpose in purposes)


@pytest.mark.parametrize("purpose", list(Purpose))
def test_no_gate_opens_without_consent_after_refusal_or_after_withdrawal(purpose: Purpose) -> None:
    refused = refuse(informed_by="x", text_id=WORDS.id, text_sha256=WORDS.sha256, now=NOW)
    withdrawn = withdraw(given_consent(), now=NOW + timedelta(minutes=3))
    for consent in (None, refused, withdrawn):
        with pytest.raises(ConsentMissing):
            require(consent, purpose)


def test_a_withdrawal_is_the_next_version_of_the_same_record() -> None:
    before = given_consent()
    after = withdraw(before, now=NOW + timedelta(minutes=3), by=Withdrawer.PARENT, recorded_by="A. de Wit (poh)")
    assert (after.id, after.version, after.withdrawn_at) == (before.id, 2, NOW + timedelta(minutes=3))
    assert (after.withdrawn_by, after.withdrawal_recorded_by) == (Withdrawer.PARENT, "A. de Wit (poh)")


def test_moments_carry_a_time_zone() -> None:
    with pytest.raises(ValueError):
        given_consent(now=datetime(2026, 11, 22))  # noqa: DTZ001


def test_the_words_are_known_by_hash_and_old_words_stay() -> None:
    for language in ("nl", "en"):
        words = current_text(language)
        assert words.body
        assert text(words.id) == words
    assert text(FIRST.id).sha256 == FIRST.sha256


#: As the first version stored them; the database is full of these.
STORED = {
    "id": "7e6b6a0e-6f0c-4a57-8a3c-0c1f7a1f9a11",
    "version": 1,
    "status": "gegeven",
    "purposes": ["opname", "transcriptie", "concept"],
    "age": ">=16",
    "given_by": "patiënt",
    "how": "mondeling",
    "informed_by": "A. de Wit (assistente)",
    "text_id": FIRST.id,
    "text_sha256": FIRST.sha256,
    "others_informed": True,
    "recorded_at": "2026-11-22T09:00:00Z",
    "withdrawn_at": None,
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"age": "<12", "given_by": "ouder of voogd"},
        {"given_by": "wettelijk vertegenwoordiger"},
        {"purposes": ["opname", "transcriptie", "concept", "kwaliteit"]},
        {"status": "geweigerd", "purposes": [], "others_informed": False},
        {"status": "ingetrokken", "version": 2, "purposes": [], "withdrawn_at": "2026-11-22T09:03:00Z"},
    ],
    ids=str,
)
def test_what_an_earlier_version_stored_is_read(changes) -> None:
    consent = codec.decode(Consent, json.dumps(STORED | changes))
    assert used(consent) == (FIRST,)
    assert allows(consent, Purpose.RECORDING) == (consent.status is ConsentStatus.ACTIVE)
    assert codec.decode(Consent, codec.encode(consent)) == consent


@given(
    informed=st.frozensets(st.sampled_from(list(Informed)), min_size=1),
    device=st.none() | st.sampled_from(list(Device)),
    interpreter=st.none() | st.sampled_from(list(Interpreter)),
    others=st.booleans(),
)
def test_what_is_recorded_is_read_back(informed, device, interpreter, others) -> None:
    consent = given_consent(
        informed=informed, device=device, language="Turks", interpreter=interpreter, others_present=others,
        texts=(Used(id=WORDS.id, version=WORDS.version, sha256=WORDS.sha256),),
        given_by=GivenBy.REPRESENTATIVE, relation=Relation.PARTNER, capacity=UNABLE,
    )  # fmt: skip
    assert codec.decode(Consent, codec.encode(consent)) == consent


def test_a_refusal_says_nothing_that_was_not_asked() -> None:
    refused = refuse(informed_by="x", text_id=WORDS.id, text_sha256=WORDS.sha256, now=NOW)
    assert (refused.age, refused.given_by, refused.how, refused.purposes) == (None, None, None, frozenset())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Pat. akkoord met opname voor verslaglegging."),
        (
            {"age": AgeClass.UNDER_12, "given_by": GivenBy.PARENT},
            "Ouder of voogd akkoord met opname voor verslaglegging.",
        ),
        (
            {"age": AgeClass.FROM_12_TO_15, "given_by": GivenBy.PATIENT_AND_PARENT, "relation": Relation.PARENT},
            "Pat. en ouder akkoord met opname voor verslaglegging.",
        ),
        (
            {"given_by": GivenBy.REPRESENTATIVE, "relation": Relation.MENTOR, "capacity": UNABLE},
            "Mentor akkoord met opname voor verslaglegging.",
        ),
    ],
)
def test_the_sentence_says_who_agreed(changes, expected: str) -> None:
    consent = given_consent(**changes)
    assert sentence(consent) == expected
    assert sentence(withdraw(consent, now=NOW)) == ""


def test_without_consent_there_is_no_sentence() -> None:
    assert sentence(None) == ""
    assert sentence(refuse(informed_by="x", text_id=WORDS.id, text_sha256=WORDS.sha256, now=NOW)) == ""
    assert sentence(replace(given_consent(), purposes=frozenset({Purpose.RECORDING}))) == ""
