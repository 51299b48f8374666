"""The style of a practice and the words of a doctor: form changes, content never does."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe.errors import InvalidInput
from transcribe.soep.lexicon import mentions, table, words
from transcribe.soep.note import Line, Note, Report, Section
from transcribe.soep.style import LONGEST, Order, Rule, Style, apply_style, check_rule, difference, same_content


def rule(said: str, written: str, *, accepted: bool = True) -> Rule:
    return Rule(id=uuid4(), said=said, written=written, accepted=accepted)


def note(*texts: str, section: Section = Section.S) -> Note:
    lines = tuple(Line(id=f"L{n}", section=section, text=text, evidence=(n,)) for n, text in enumerate(texts, 1))
    return Note(reports=(Report(id="R1", lines=lines),), next_line=len(texts) + 1)


def styled(text: str, style: Style = Style(), *rules: Rule) -> list[str]:  # noqa: B008  (frozen)
    return [line.text for line in apply_style(note(text), style, rules).lines()]


def test_the_default_leaves_a_draft_as_it_is() -> None:
    draft = note("Geen koorts. RR 142/86, sat 97%.", "Heteroanamnese: valt. " * 20)
    assert apply_style(draft, Style()) == draft


def test_accepted_rules_change_words_and_others_nothing() -> None:
    assert styled("Bloeddruk 142/86.", Style(), rule("bloeddruk", "RR")) == ["RR 142/86."]
    assert styled("Bloeddruk 142/86.", Style(), rule("bloeddruk", "RR", accepted=False)) == ["Bloeddruk 142/86."]
    assert styled("Bloeddrukpil.", Style(), rule("bloeddruk", "RR")) == ["Bloeddrukpil."]
    assert styled("Pijn onderrug.", Style(), rule("onderrug", "lage rug")) == ["Pijn lage rug."]


def test_without_abbreviations_they_are_written_out() -> None:
    assert styled("RR 142/86, T 38,4, sat 97%.", Style(abbreviations=False)) == [
        "Bloeddruk 142/86, temperatuur 38,4, saturatie 97%."
    ]
    assert styled("Paracetamol 4dd 1000 mg.", Style(abbreviations=False)) == ["Paracetamol 4 keer per dag 1000 mg."]


def test_the_doctors_own_word_wins_from_writing_out() -> None:
    off = Style(abbreviations=False)
    assert styled("RR 142/86.", off, rule("bloeddruk", "tensie")) == ["Tensie 142/86."]


def test_long_lines_are_divided_between_sentences_and_keep_their_source() -> None:
    long = "Sinds 3 dagen keelpijn en hoofdpijn. Geen koorts. Slikt wel goed en drinkt genoeg."
    found = apply_style(note(long), Style(line_words=8))
    assert [line.text for line in found.lines()] == [
        "Sinds 3 dagen keelpijn en hoofdpijn. Geen koorts.",
        "Slikt wel goed en drinkt genoeg.",
    ]
    assert {line.evidence for line in found.lines()} == {(1,)}
    assert [line.id for line in found.lines()] == ["L1", "L2"]
    assert found.next_line == 3


def test_who_told_it_stays_with_every_sentence() -> None:
    told = "Heteroanamnese: valt vaker. Eet slecht. Slaapt veel. Is vergeetachtig."
    assert styled(told, Style(line_words=6)) == [told]


def test_what_is_there_may_stand_before_what_is_not() -> None:
    draft = note("Geen koorts.", "Keelpijn.", "Niet misselijk.", "Moe.")
    found = [line.text for line in apply_style(draft, Style(order=Order.DENIED_LAST)).lines()]
    assert found == ["Keelpijn.", "Moe.", "Geen koorts.", "Niet misselijk."]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("geen", "wel"), ("niet misselijk", "misselijk"), ("links", "rechts"), ("links", "li"), ("mogelijk", "zeker"),
        ("paracetamol", "pcm"), ("pijnstiller", "oxycodon"), ("twee", "drie"), ("500", "250"), ("pijn", "pijn 5"),
        ("", "RR"), ("RR", " "), ("RR", "RR"), ("x" * 41, "y"), ("een twee drie vier", "vijf"), ("pijn", "<b>"),
        ("pijn", "pijn\u202e"), ("pijn", "geen pijn"),
    ],
)  # fmt: skip
def test_a_rule_about_content_is_refused(said: str, written: str) -> None:
    with pytest.raises(InvalidInput):
        check_rule(said, written)


def test_a_rule_is_tidied() -> None:
    assert check_rule("  hoge   bloeddruk ", " hypertensie") == ("hoge bloeddruk", "hypertensie")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("Bloeddruk 142/86.", "RR 142/86.", ("bloeddruk", "RR")),
        ("Sinds gisteren hoofdpijn.", "Sinds gisteren cefalgie.", ("hoofdpijn", "cefalgie")),
        # a name, a number, a denial, a drug, a side, more words, more than one place: never a rule
        ("Moeder belt.", "Jansen belt.", None),
        ("Pijn 5 dagen.", "Pijn 6 dagen.", None),
        ("Geen hoofdpijn.", "Wel hoofdpijn.", None),
        ("Start metoprolol.", "Start bisoprolol.", None),
        ("Pijn links.", "Pijn rechts.", None),
        ("Hoofdpijn.", "Hoofdpijn en koorts.", None),
        ("Hoofdpijn en koorts.", "Cefalgie en febris.", None),
        ("Kanariepiet hoest.", "Vogel hoest.", None),
        ("Hoofdpijn.", "Hoofdpijn.", None),
    ],
)
def test_what_is_noticed_of_an_edit(before: str, after: str, found: tuple[str, str] | None) -> None:
    assert difference(before, after) == found


WORDS = [
    "geen", "niet", "links", "rechts", "paracetamol", "metoprolol", "RR", "bloeddruk", "T", "sat", "pijn", "koorts",
    "142/86", "38,4", "2dd", "500 mg", "mogelijk", "dd", "zn", "hoofdpijn", "drie", "Geen", "beide", "zonder", "VAG",
]  # fmt: skip
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(lambda some: " ".join(some) + ".")
parts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
styles = st.builds(
    Style,
    abbreviations=st.booleans(),
    line_words=st.sampled_from([6, 12, LONGEST]),
    order=st.sampled_from(Order),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4), styles, st.lists(st.builds(rule, parts, parts), max_size=4))
def test_style_changes_no_number_denial_side_or_drug(said: list[str], style: Style, rules: list[Rule]) -> None:
    """Also with rules that no page would have taken."""
    draft = note(*said)
    found = apply_style(draft, style, rules)
    protected = table("style.toml")["protected"]
    assert isinstance(protected, list)

    def content(one: Note) -> list[str]:
        kept = []
        for line in sorted(one.lines(), key=lambda line: line.evidence):
            kept += re.findall(r"\d+", line.text)
            kept += [word for word in words(line.text) if word in protected]
            kept += [mention.text.lower() for mention in mentions("drugs", line.text)]
        return sorted(kept)

    assert content(found) == content(draft)
    assert {line.evidence for line in found.lines()} == {line.evidence for line in draft.lines()}


@given(texts)
def test_content_is_the_same_as_itself(text: str) -> None:
    assert same_content(text, text)


@given(st.text(max_size=50), st.text(max_size=50))
def test_any_edit_gives_a_rule_that_may_be_one_or_nothing(before: str, after: str) -> None:
    found = difference(before, after)
    assert found is None or check_rule(*found) == found
