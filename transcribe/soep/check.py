"""Each line against its source. Pure; runs on every draft, whatever wrote it, and after every edit.

Quiet by design: a false alarm costs attention. A finding is a question to the huisarts, never advice.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.errors import N_
from transcribe.soep import drugs, hearing, measures
from transcribe.soep.agreeing import claim
from transcribe.soep.alone import bare_order, contradiction, no_measure, strange_allergen
from transcribe.soep.closest import Passage, denied_alarm, denied_there, passages, relative_there, turned_side
from transcribe.soep.concepts import concepts_of
from transcribe.soep.denials import bare_of_denial, denied_between
from transcribe.soep.language import DUTCH, by_language, comparing, speaking
from transcribe.soep.lexicon import any_of, has, mentions, plain_same_length, table, terms, words
from transcribe.soep.memory import forget
from transcribe.soep.note import Line, Note, Origin, Section
from transcribe.soep.polarity import DENIAL, LATER, Polarity, polarity
from transcribe.soep.support import Source, Talk, content_words, looked_for, sides


class Kind(StrEnum):
    """What is asked about a line."""

    NO_SOURCE = "geen bron"
    NUMBER = "getal"
    NEGATION = "ontkenning"
    LATERALITY = "zijde"
    DRUG = "naam van een middel"
    DOSE = "hoeveelheid"
    SPEAKER = "wie het zei"
    TIME = "tijd"
    HEARING = "slecht verstaan"
    CONSENT = "toestemming"
    CONTRADICTION = "tegenspraak"
    INCOMPLETE = "onvolledig"


@dataclass(frozen=True, kw_only=True)
class Finding:
    kind: Kind
    sentence: str  # Dutch, to be translated; with places for the words below
    here: str = ""  # the passage in the line it is about
    there: str = ""  # what stands in the talk instead
    more: tuple[str, ...] = ()  # further words of the line or the talk

    @property
    def text(self) -> str:
        """In Dutch."""
        return self.worded(self.sentence)

    def worded(self, sentence: str) -> str:
        """``sentence`` (or a translation of it) with the words of the note and of the talk in their places."""
        return sentence.format(*self.more, here=self.here, there=self.there)


def findings(line: Line, transcript: Transcript | None) -> tuple[Finding, ...]:
    """What is not in order with a line, seen from its evidence. ``transcript`` None: the source was destroyed."""
    try:
        with speaking(comparing(transcript.language if transcript else DUTCH)):
            return _findings(line, None if transcript is None else Talk(transcript))
    finally:
        forget()


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What was found in the lines of a draft, to be told again while they, the talk and the rules are the same."""

    rules: str
    talk: str
    lines: Mapping[str, tuple[Finding, ...]]  # by what tells a line from all others


def flags_of(note: Note, transcript: Transcript) -> Flags:
    """For half an hour of talk this takes most of a second, and each look at its note asks for it."""
    found = open_findings(note, transcript)
    return Flags(
        rules=_rules(),
        talk=_digest(transcript),
        lines={_digest(line): found.get(line.id, ()) for line in note.lines() if not line.confirmed},
    )


def open_findings(
    note: Note, transcript: Transcript | None, known: Flags | None = None
) -> Mapping[str, tuple[Finding, ...]]:
    """The findings of all lines that nobody has confirmed yet, by line id; lines without findings are not in it."""
    lines = [line for line in note.lines() if not line.confirmed]
    told: Mapping[str, tuple[Finding, ...]] = {}
    if known is not None and transcript is not None and (known.rules, known.talk) == (_rules(), _digest(transcript)):
        told = known.lines
    result = {line.id: told.get(_digest(line)) for line in lines}
    try:
        if fresh := [line for line in lines if result[line.id] is None]:
            with speaking(comparing(transcript.language if transcript else DUTCH)):
                talk = None if transcript is None else Talk(transcript)
                result |= {line.id: _findings(line, talk) for line in fresh}
    finally:
        forget()
    return {line_id: found for line_id, found in result.items() if found}


def _digest(value: Line | Transcript) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


@functools.cache
def _rules() -> str:
    """Of all there is in this package: what other rules found is not told again."""
    digest = hashlib.sha256()
    for file in sorted(one for one in Path(__file__).parent.rglob("*") if one.suffix in (".py", ".toml")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _findings(line: Line, talk: Talk | None) -> tuple[Finding, ...]:
    if talk is None:
        return () if line.confirmed else (_no_source(N_("Geen bron: de opname is vernietigd.")),)
    if not any(0 <= i < len(talk.transcript.utterances) for i in line.evidence):
        return (_no_source(N_("Geen bron: bij deze regel hoort geen stuk van het gesprek.")),)
    source = talk.source(line.evidence)
    unsupported = tuple(_unsupported(line, source, talk))
    result = [*unsupported, *_numbers(line.text, source)]
    if not any(not finding.here for finding in unsupported):  # otherwise nothing of the line was found
        result += _negations(line.text, source) or _other_passage(line.text, passages(source))
    result += [
        *_alone(line),
        *_speakers(line, source),
        *_sides(line.text, source, talk),
        *_times(line.text, source),
        *_drugs(line.text),
        *_hearing(line, talk.transcript),
        *_consent(line),
    ]
    return tuple(dict.fromkeys(result))


NOT_SAID = N_("Geen bron: “{here}” komt niet voor in het gesprek bij deze regel.")


def _no_source(sentence: str, here: str = "") -> Finding:
    return Finding(kind=Kind.NO_SOURCE, sentence=sentence, here=here)


# --- was it said at all -----------------------------------------------------------------------------------------------


@by_language
def _allowed() -> frozenset[str]:
    return frozenset(word for entry in terms("note_words") for word in words(entry))


def unknown_words(text: str, source: Source) -> list[str]:
    """The content words of a text that were said in no form and under no other name."""
    return [
        word
        for word, at in content_words(text, _allowed())
        if not source.knows(word)
        and not any(
            start < at + len(word) and at < end and source.speaks_of(concept)
            for concept, start, end in concepts_of(text)
        )
    ]


FEW = 2  # content words of which one unknown is already half of what a line says
TELLING = ("care", "findings", "body", "vitals", "symptoms")


def _unsupported(line: Line, source: Source, talk: Talk) -> Iterator[Finding]:
    """Why the evidence does not carry a line. Drugs and diagnoses each count; other words part by part."""
    unsaid = list(_unsaid_drugs(line, source, talk))
    yield from unsaid
    if unsaid:
        return
    unknown = unknown_words(line.text, source)
    anywhere = talk.everything
    for found in mentions("dx", line.text):
        if any(w in unknown and not anywhere.knows(w) for w in words(found.text)) and unknown_words(
            found.text, anywhere
        ):
            yield _no_source(NOT_SAID, found.text)
            return
    if short := _unsaid_statement(line.text, source):
        yield _no_source(NOT_SAID, short)
        return
    said = content_words(line.text, _allowed())
    half = len(said) <= FEW and len(unknown) * 2 == len(said)
    if len(unknown) * 2 > len(said) or (half and any(has(kind, word) for word in unknown for kind in TELLING)):
        yield _no_source(N_("Geen bron: deze regel is niet terug te vinden in het gesprek dat erbij staat."))


def _unsaid_statement(text: str, source: Source) -> str:
    """A short statement of a line ("isolatie") of which nothing was said. A denial of it may be an answer to more."""
    for part in re.split(r"[.;](?:\s|$)", text):
        said = content_words(part, _allowed())
        bare = not DENIAL.search(plain_same_length(part)) and not re.search(r"\d", part)
        if bare and 1 <= len(said) <= FEW and len(unknown_words(part, source)) == len(said):
            return part.strip()
    return ""


_BY_ITS_FORM = re.compile(
    r"\b(?:pleister|puf|plas(?:pil|tablet)|tablet|pil|spray|zalf|creme|druppel|spuit|die|hem|halver|verhog|verlag)\w*"
)


def _unsaid_drugs(line: Line, source: Source, talk: Talk) -> Iterator[Finding]:
    spoken = f"{source.wide} {source.raw}"
    said = {name for _, name in drugs.named(spoken)}
    for shown, name in drugs.named(line.text):
        if name in said or source.knows(shown):
            continue
        heard = drugs.heard_as(shown, spoken)
        if heard:
            why = N_("In deze regel staat “{here}”, in het gesprek “{there}”. Klopt de naam?")
            yield Finding(kind=Kind.DRUG, sentence=why, here=shown, there=heard)
        elif not (talk.near(line.evidence).knows(shown) and _BY_ITS_FORM.search(plain_same_length(source.text))):
            yield _no_source(NOT_SAID, shown)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _numbers(text: str, source: Source) -> Iterator[Finding]:
    """Numbers that were not said, and numbers that were said of something else ("3dd" beside "3 dagen")."""
    shown = measures.measures(text)
    around = source.measures | measures.measures(source.wide, spoken=True) if shown else set()
    converted = {number for number, unit in shown if measures.same_amount((number, unit), around)}
    stated = measures.numbers(text)
    if stated - source.numbers - converted:
        converted |= measures.clock_numbers(text, source.wide) | measures.implied(source.wide, source.raw_numbers)
    for number in sorted(stated - source.numbers - converted) if stated else ():
        why = (
            N_("Het getal {here} werd in het gesprek teruggenomen.")
            if number in source.raw_numbers
            else N_("Het getal {here} komt niet voor in het gesprek bij deze regel.")
        )
        yield Finding(kind=Kind.NUMBER, sentence=why, here=number)
    taken = drugs.frequencies(text)
    said = drugs.frequencies(source.text) if taken else {}
    for name, often in taken.items():
        wrong = sorted(often - said.get(name, often))
        if wrong and not measures.conflicting((wrong[0], "dd"), source.measures, source.text):
            there = ", ".join(f"{n}dd" for n in sorted(said[name]))
            why = N_("“{here}” staat in het gesprek niet bij {0}, maar {there}.")
            yield Finding(kind=Kind.NUMBER, sentence=why, here=f"{wrong[0]}dd", there=there, more=(name,))
    if span := no_measure(text):
        yield Finding(kind=Kind.NUMBER, sentence=N_("“{here}” is geen maat. Klopt de eenheid?"), here=span)
    for span in measures.upside_down(text):
        yield Finding(kind=Kind.NUMBER, sentence=N_("“{here}” is geen reeks van laag naar hoog."), here=span)
    for number, unit in sorted(shown):
        if number in source.numbers - converted and measures.unsaid_unit(unit, f"{source.wide} {source.raw}"):
            why = N_("“{1}” is bij het getal {0} niet gezegd.")
            yield Finding(kind=Kind.NUMBER, sentence=why, here=f"{number} {unit}", more=(number, unit))
        elif number in source.numbers and measures.conflicting((number, unit), source.measures, source.text):
            there = ", ".join(sorted(f"{n} {u}" for n, u in source.measures if n == number))
            why = N_("Het getal {0} staat in het gesprek niet bij “{1}”.")
            yield Finding(kind=Kind.NUMBER, sentence=why, here=f"{number} {unit}", there=there, more=(number, unit))


# --- denied or affirmed -----------------------------------------------------------------------------------------------

DENIED_THERE = N_("“{here}” is in het gesprek ontkend, in deze regel niet.")
_WEIGHED = ("symptoms", "dx", "drugs", "findings", "care")
#: Words that say how much or how, not what: a denial beside them is about something else.
_VALUES = frozenset(
    ("hoge", "lage", "hoog", "laag", "andere", "negatief", "positief", "normaal", "geen", "niet", "zonder", "meer",
     "minder", "sinds", "bang", "goed", "beter", "gehad", "eerder", "geweest", "erger", "slechter", "vaker", "door")
)  # fmt: skip


def _negations(text: str, source: Source) -> list[Finding]:
    """Things the line denies and the source affirms, or the other way round."""
    return list(_denials(text, source))


def _other_passage(text: str, among: tuple[Passage, ...]) -> Iterator[Finding]:
    """The same, seen from the passages of the talk that a part of the line comes closest to."""
    if lost := denied_there(text, among):
        yield Finding(kind=Kind.NEGATION, sentence=DENIED_THERE, here=lost)
    elif alarm := denied_alarm(text, among):
        yield _denial(alarm, Polarity.DENIED)


def _denials(text: str, source: Source) -> Iterator[Finding]:
    planned = {m.start for kind in ("drugs", "care") for m in mentions(kind, text)}
    clinical = {m.start for kind in _WEIGHED for m in mentions(kind, text)}
    flat = plain_same_length(text)
    for word, at in content_words(text, _VALUES, least=3):
        named = at in clinical or flat[:at].endswith("geen ")
        if not named and (len(word) < 4 or has("body", word) or has("family", word)):
            continue
        if not named and not source.answered_no(word) and not source.flatly_denied(word):
            continue
        shown = polarity(text, at, at + len(word))
        said = source.polarities(word, plan=at in planned)
        if shown is not Polarity.DENIED and _denied_elsewhere(flat, word, at):
            continue
        if shown is Polarity.AFFIRMED and Polarity.DENIED in said and Polarity.AFFIRMED not in said:
            yield _denial(text[at : at + len(word)], shown)
            return
        sure = (
            said == {Polarity.AFFIRMED} if at in planned else Polarity.AFFIRMED in said and Polarity.DENIED not in said
        )
        if shown is Polarity.DENIED and sure:
            yield _denial(text[at : at + len(word)], shown)
            return
    lost = _denied_part(text, source)
    if lost:
        yield _denial(lost, Polarity.AFFIRMED)
        return
    for word in bare_of_denial(text, source, _allowed() | _VALUES)[:1]:
        yield Finding(kind=Kind.NEGATION, sentence=DENIED_THERE, here=word)
        return
    apart = denied_between(text, source)
    if apart:
        why = (
            N_("Tussen “{0}” en “{1}” staat in het gesprek een ontkenning, in deze regel niet.")
            if apart[1]
            else N_("Voor “{0}” staat in het gesprek een ontkenning, in deze regel niet.")
        )
        yield Finding(kind=Kind.NEGATION, sentence=why, here=" ".join(apart).strip(), more=apart)


def _denied_elsewhere(flat: str, word: str, at: int) -> bool:
    """Does another place of the line deny the same thing? "Geen foto nu; na 3 dagen wel een foto"."""
    places = (match.start() for match in re.finditer(rf"(?<!\w){re.escape(word)}", flat) if match.start() != at)
    return any(polarity(flat, place, place + len(word)) is Polarity.DENIED for place in places)


def _denied_part(text: str, source: Source) -> str:
    """The first word of a part of the line that denies nothing, while the talk denies all that the part names."""
    flat = plain_same_length(text)
    for part in re.finditer(r"[^.,;()]+", flat):
        if DENIAL.search(part.group()) or LATER.search(part.group()) or has("vitals", part.group()):
            continue
        if DENIAL.search(re.split(r"[.;:]", flat[: part.start()])[-1]):
            continue  # the denial of an earlier part may reach it
        if not any_of((*_WEIGHED, "body"), part.group()):
            continue
        denied = ""
        for word, _ in content_words(part.group(), _VALUES | _allowed()):
            said = source.polarities(word)
            if said - {Polarity.DENIED}:
                break
            denied = denied or (word if said else "")
        else:
            if denied:
                return denied
    return ""


def _denial(what: str, shown: Polarity) -> Finding:
    why = (
        N_("“{here}” staat er als ontkend, maar lijkt in het gesprek bevestigd.")
        if shown is Polarity.DENIED
        else N_("“{here}” staat er als bevestigd, maar lijkt in het gesprek ontkend.")
    )
    return Finding(kind=Kind.NEGATION, sentence=why, here=what)


# --- left or right ----------------------------------------------------------------------------------------------------


#: After these either side may be meant: "de andere kant", "rechterknie, de linker is goed".
_BOTH_SIDES = re.compile(
    r"\b(?:beide\w*|allebei|both|andere? (?:kant|zij\w*|oog|oor|knie|been|arm|hand|voet|enkel|heup|schouder|borst)|"
    r"de (?:linker|rechter) (?:is|was|heeft|doet|niet|ook))\b"
)


def _sides(text: str, source: Source, talk: Talk) -> Iterator[Finding]:
    """A side that was not said, or was said of something else."""
    there = sides(source.text)
    said = {side for side, _ in there}
    said = said or {side for side, _ in sides(source.wide)} or {side for side, _ in sides(talk.everything.text)}
    both = _BOTH_SIDES.search(plain_same_length(source.text))
    for side in sorted({side for side, _ in sides(text)} - (said if not both else {"links", "rechts"})):
        yield Finding(kind=Kind.LATERALITY, sentence=N_("“{here}” komt niet overeen met het gesprek."), here=side)
        return
    for side in ("links", "rechts"):
        near = {word for s, word in sides(text) if s == side and word}
        own = {word for s, word in there if s == side}
        other = {word for s, word in there if s != side}
        turned = sorted(near & (other - own))
        if turned and not near & own:
            why = N_("“{here}” bij “{0}” komt niet overeen met het gesprek.")
            yield Finding(kind=Kind.LATERALITY, sentence=why, here=side, more=(turned[0],))
            return
    other_side, what = turned_side(text, source)
    if other_side:
        why = N_("“{here}” bij “{0}” komt niet overeen met het gesprek.")
        yield Finding(kind=Kind.LATERALITY, sentence=why, here=other_side, more=(what,))


# --- who said it, and about whom --------------------------------------------------------------------------------------

_MEASURED_AT_HOME = re.compile(
    r"\b(?:thuis\w*|wijk\w*|verple\w*|zuster|gemeten door|zelf gemeten|volgens|video|foto|in beeld)\b"
)


#: By section, and whether only a companion says it.
SAID_BY_ANOTHER = {
    (Section.O, False): N_("Dit staat er als een bevinding van de huisarts; in het gesprek zegt de patiënt het."),
    (Section.O, True): N_("Dit staat er als een bevinding van de huisarts; in het gesprek zegt de begeleider het."),
    (Section.E, False): N_("Dit staat er als een conclusie van de huisarts; in het gesprek zegt de patiënt het."),
    (Section.E, True): N_("Dit staat er als een conclusie van de huisarts; in het gesprek zegt de begeleider het."),
}


def _speakers(line: Line, source: Source) -> Iterator[Finding]:
    """What only the patient said among the findings or conclusions; the illness of a relative as the patient's own."""
    speakers = {sentence.speaker for sentence in source.said if not sentence.question}
    others = speakers and speakers <= {Speaker.PATIENT, Speaker.BEGELEIDER}
    at_home = line.section is Section.O and _MEASURED_AT_HOME.search(plain_same_length(line.text))
    if others and line.section in (Section.O, Section.E) and not at_home:
        yield Finding(kind=Kind.SPEAKER, sentence=SAID_BY_ANOTHER[line.section, speakers == {Speaker.BEGELEIDER}])
    if line.section is Section.P:
        if others and (prescribed := [shown for shown, _ in drugs.named(line.text)]):
            why = N_("“{here}” staat in het plan; in het gesprek noemt alleen de patiënt het.")
            yield Finding(kind=Kind.SPEAKER, sentence=why, here=prescribed[0])
        return
    said, whose = relative_there(line.text, passages(source))
    if said:
        why = N_("“{here}” gaat in het gesprek over een ander ({there}), niet over de patiënt.")
        yield Finding(kind=Kind.SPEAKER, sentence=why, here=said, there=whose)
        return
    for part in re.split(r"[.;]|, (?=pati[eë]nt)", line.text):
        if has("family", part) or re.search(r"\b(?:fa|familie|famili\w*|hetero\w*)\b", plain_same_length(part)):
            continue
        for found in mentions("dx", part):
            relative = _relative(found.text, source)
            if relative:
                why = N_("“{here}” gaat in het gesprek over een ander ({there}), niet over de patiënt.")
                yield Finding(kind=Kind.SPEAKER, sentence=why, here=found.text, there=relative)
                return


def _relative(illness: str, source: Source) -> str:
    """Whose illness it is, when every sentence that names it speaks of a relative."""
    owners = []
    stems = next(iter(looked_for(illness)), ())
    meant = {concept for concept, _, _ in concepts_of(illness)}
    for sentence in source.said:
        flat = plain_same_length(sentence.text)
        for stem in stems:
            for match in [*re.finditer(re.escape(stem), flat), *_also_named(sentence.text, stem, meant)]:
                before = re.split(r"[;:]", sentence.text[: match.start()])[-1]
                people = mentions("family", before)
                own = people and re.search(r"\b(?:ik|u|je|mij|bij mij)\b", plain_same_length(before[people[-1].end :]))
                owners.append(
                    people[-1].text if people and not own and sentence.speaker is not Speaker.HUISARTS else ""
                )
    return owners[0] if owners and all(owners) else ""


def _also_named(text: str, stem: str, meant: set[int]) -> list[re.Match[str]]:
    """An illness under another name: "suiker" for diabetes."""
    flat = plain_same_length(text)
    if not meant or stem in flat:
        return []
    found = ((start, end) for concept, start, end in concepts_of(text) if concept in meant)
    return [match for start, end in found if (match := re.compile(".+").search(flat, start, end))]


# --- the line by itself ----------------------------------------------------------------------------------------------


def _alone(line: Line) -> Iterator[Finding]:
    one, other = contradiction(line.text)
    if one:
        why = N_("“{here}” en “{0}” spreken elkaar tegen. Wat klopt?")
        yield Finding(kind=Kind.CONTRADICTION, sentence=why, here=one, more=(other,))
    if order := bare_order(line.text, line.section):
        why = N_("“{here}”: wat of waarmee? De regel zegt het niet.")
        yield Finding(kind=Kind.INCOMPLETE, sentence=why, here=order)
    if strange := strange_allergen(line.text):
        why = N_("“{here}” is niet bekend als geneesmiddel of als iets waar mensen allergisch voor zijn. Klopt het?")
        yield Finding(kind=Kind.DRUG, sentence=why, here=strange)


# --- when -------------------------------------------------------------------------------------------------------------


@functools.cache
def _clocks() -> tuple[Mapping[str, re.Pattern[str]], ...]:
    """Kinds of time words: each with what may be said for it."""
    kinds = table("times.toml")["kinds"]
    assert isinstance(kinds, list)
    return tuple({word: re.compile(rf"(?<![\w])(?:{said})(?!\w)") for word, said in kind.items()} for kind in kinds)


def _times(text: str, source: Source) -> Iterator[Finding]:
    """A time word that was not said, where another of its kind was."""
    flat, said = plain_same_length(text), plain_same_length(source.text)
    wide = plain_same_length(f"{source.wide} {source.raw}")
    for kind in _clocks():
        for word, spoken in kind.items():
            if word not in flat or not re.search(rf"(?<![\w]){word}(?!\w)", flat) or spoken.search(wide):
                continue
            there = next((m.group() for other in kind.values() if (m := other.search(said))), "")
            why = (
                N_("“{here}” staat in deze regel, in het gesprek “{there}”.")
                if there
                else N_("“{here}” staat in deze regel en komt in het gesprek bij deze regel niet voor.")
            )
            yield Finding(kind=Kind.TIME, sentence=why, here=word, there=there)
            return


# --- poorly heard -----------------------------------------------------------------------------------------------------


def _hearing(line: Line, transcript: Transcript) -> Iterator[Finding]:
    """Doubt of the recogniser in a line that must not be wrong; elsewhere the screen says so without asking."""
    if hearing.weighty(line.text):
        for word in hearing.poorly_heard(line, transcript):
            why = N_("“{here}” is slecht verstaan. Luister na of deze regel klopt.")
            yield Finding(kind=Kind.HEARING, sentence=why, here=word)


# --- drugs ------------------------------------------------------------------------------------------------------------


def _consent(line: Line) -> Iterator[Finding]:
    """The consent to the recording is in its record: a draft knows nothing of it."""
    if line.origin is Origin.CONCEPT and claim(line.text):
        yield Finding(
            kind=Kind.CONSENT,
            sentence=N_(
                "Gaat dit over toestemming voor de opname? Die is apart vastgelegd en hoort niet in het concept."
            ),
        )


def _drugs(text: str) -> Iterator[Finding]:
    for like in drugs.sounding_like(text):
        why = N_("“{here}” lijkt op {there}. Is dat bedoeld?")
        yield Finding(kind=Kind.DRUG, sentence=why, here=like.text, there=like.name)
    for amount in drugs.questionable(text):
        why = N_("{0} {here}: is deze hoeveelheid juist genoteerd?")
        yield Finding(kind=Kind.DOSE, sentence=why, here=amount.text, more=(amount.name,))
