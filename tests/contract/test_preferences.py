"""What a practice and its doctors set, in memory and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from uuid import uuid4

import pytest

from transcribe.errors import StoreUnavailable
from transcribe.ports import Preferences
from transcribe.soep.style import Order, Style
from transcribe.store.migrate import migrate
from transcribe.store.preferences import PostgresPreferences
from transcribe.testing import MemoryPreferences
from transcribe.video import APPS, VideoPresets

GP = "Dr. Proef"


def hashed(words: str) -> bytes:
    return sha256(words.encode()).digest()


@pytest.fixture(params=["memory", "postgres"])
def preferences(request: pytest.FixtureRequest) -> Iterator[Preferences]:
    if request.param == "memory":
        yield MemoryPreferences()
        return
    url = request.getfixturevalue("postgres_url")
    migrate(url)
    with PostgresPreferences(url, hashed=hashed) as found:
        yield found


def pairs(preferences: Preferences, owner: str = GP) -> list[tuple[str, str, bool, int]]:
    return [(rule.said, rule.written, rule.accepted, rule.seen) for rule in preferences.rules(owner)]


def test_the_style_is_the_default_until_it_is_set(preferences: Preferences) -> None:
    assert preferences.style() == Style()
    for style in (Style(abbreviations=False, line_words=8, order=Order.DENIED_LAST), Style(line_words=12)):
        preferences.set_style(style)
        assert preferences.style() == style


def test_rules_are_of_one_doctor_and_in_order(preferences: Preferences) -> None:
    preferences.add_rule(GP, "koorts", "febris")
    preferences.add_rule(GP, "bloeddruk", "RR")
    preferences.add_rule("Dr. Ander", "pijn", "dolor")
    assert pairs(preferences) == [("bloeddruk", "RR", True, 0), ("koorts", "febris", True, 0)]
    assert pairs(preferences, "Dr. Ander") == [("pijn", "dolor", True, 0)]


def test_one_rule_counts_for_the_same_words(preferences: Preferences) -> None:
    preferences.add_rule(GP, "bloeddruk", "RR")
    preferences.add_rule(GP, "bloeddruk", "tensie")
    preferences.add_rule(GP, "bloeddruk", "tensie")
    assert [rule[:3] for rule in pairs(preferences)] == [("bloeddruk", "tensie", True)]


def test_a_change_is_counted_once_for_each_consult(preferences: Preferences) -> None:
    first, second = uuid4(), uuid4()
    for consult_id in (first, first):
        preferences.noticed(GP, "bloeddruk", "RR", consult_id)
        assert pairs(preferences) == []  # what one consult says stays in it
    for consult_id in (second, second):
        preferences.noticed(GP, "bloeddruk", "RR", consult_id)
        assert pairs(preferences) == [("bloeddruk", "RR", False, 2)]
    preferences.noticed("Dr. Ander", "bloeddruk", "RR", uuid4())
    assert pairs(preferences, "Dr. Ander") == []
    preferences.noticed(GP, "bloeddruk", "RR", uuid4())
    assert pairs(preferences) == [("bloeddruk", "RR", False, 3)]


def test_what_was_noticed_becomes_a_rule_when_the_doctor_says_so(preferences: Preferences) -> None:
    preferences.add_rule(GP, "bloeddruk", "tensie")
    for _ in range(2):
        preferences.noticed(GP, "bloeddruk", "RR", uuid4())
    (noticed,) = [rule for rule in preferences.rules(GP) if not rule.accepted]
    preferences.accept_rule("Dr. Ander", noticed.id)
    assert not noticed.accepted
    preferences.accept_rule(GP, noticed.id)
    assert [rule[:3] for rule in pairs(preferences)] == [("bloeddruk", "RR", True)]
    preferences.noticed(GP, "bloeddruk", "RR", uuid4())
    assert pairs(preferences)[0][2]  # and stays one


def test_a_removed_rule_is_gone_and_another_doctor_removes_nothing(preferences: Preferences) -> None:
    preferences.add_rule(GP, "bloeddruk", "RR")
    (rule,) = preferences.rules(GP)
    preferences.remove_rule("Dr. Ander", rule.id)
    assert preferences.rules(GP) == [rule]
    preferences.remove_rule(GP, rule.id)
    preferences.remove_rule(GP, rule.id)
    preferences.accept_rule(GP, rule.id)
    assert preferences.rules(GP) == []


def test_a_table_of_codes_takes_the_place_of_the_one_before(preferences: Preferences) -> None:
    assert preferences.codes() == {}
    preferences.import_codes({"R81": "Longontsteking", "A03": "Koorts"})
    preferences.import_codes({"R78": "Bronchitis", "A03": "Koorts"})
    assert list(preferences.codes().items()) == [("A03", "Koorts"), ("R78", "Bronchitis")]


def test_words_are_of_one_doctor_or_of_the_practice(preferences: Preferences) -> None:
    for owner, word in ((GP, "Zonneveld"), (GP, "macrogol"), ("", "Wijkteam Noord"), ("", "macrogol"), ("", "Ébner")):
        preferences.add_word(owner, word)
        preferences.add_word(owner, word)
    assert preferences.own_words(GP) == ["macrogol", "Zonneveld"]
    assert preferences.own_words("") == ["Ébner", "macrogol", "Wijkteam Noord"]
    assert preferences.words(GP) == ["macrogol", "Zonneveld", "Ébner", "Wijkteam Noord"]
    assert preferences.words("Dr. Ander") == preferences.words("") == preferences.own_words("")
    assert preferences.of("Noord").words(GP) == []
    preferences.remove_word(GP, "macrogol")
    preferences.remove_word(GP, "macrogol")
    assert preferences.own_words(GP) == ["Zonneveld"]
    assert "macrogol" in preferences.words(GP)  # the practice still has it


def test_applications_for_video_are_all_those_we_know_until_they_are_set(preferences: Preferences) -> None:
    assert preferences.video_presets() == VideoPresets(apps=APPS)
    for presets in (VideoPresets(apps=("Zaurus", "BeeldZorg"), app="BeeldZorg"), VideoPresets(apps=())):
        preferences.set_video_presets(presets)
        assert preferences.video_presets() == presets
    assert preferences.of("Noord").video_presets() == VideoPresets()


def test_practices_that_share_a_service_share_nothing_of_this(preferences: Preferences) -> None:
    other = preferences.of("Noord")
    other.set_style(Style(line_words=8))
    other.add_rule(GP, "bloeddruk", "RR")
    other.import_codes({"R78": "Bronchitis"})
    assert preferences.style() == Style()
    assert preferences.rules(GP) == []
    assert preferences.codes() == {}
    again = preferences.of("Noord")
    assert again.style() == Style(line_words=8)
    assert [rule[:3] for rule in pairs(again)] == [("bloeddruk", "RR", True)]


def test_without_a_database_there_is_an_error_that_says_so() -> None:
    with (
        PostgresPreferences("postgresql://niemand@127.0.0.1:1/niets", hashed=hashed) as away,
        pytest.raises(StoreUnavailable),
    ):
        away.style()
