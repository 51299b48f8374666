"""P: what is agreed, and what the huisarts decides not to do when the patient asks for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from transcribe.soep.claims import Claim, claim
from transcribe.soep.conclusions import name_of
from transcribe.soep.lexicon import Mention, cue, cue_pattern, has, mentions, plain_same_length, terms, words
from transcribe.soep.note import Section
from transcribe.soep.sections import DOSE
from transcribe.soep.sentences import Sentence, split
from transcribe.soep.telegram import capital, none_of, telegram


def wanted(text: str) -> list[Mention]:
    """The drugs, tests and care in a text, in order, without doubles."""
    found = sorted({*mentions("drugs", text), *mentions("care", text)}, key=lambda m: (m.start, -m.end))
    result: list[Mention] = []
    for mention in found:
        if not result or mention.start >= result[-1].end:
            result.append(mention)
    return result


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a question of the patient and the answer of the huisarts decide together."""

    claims: tuple[Claim, ...] = ()
    topic: str = ""  # what the first sentence of the answer is about, when it does not say so itself
    evidence: tuple[int, ...] = ()


def answer(question: Sentence, first: Sentence) -> Answer:
    """ "En een betablokker?" "Dat geef ik liever niet." -> "Geen betablokker"; another answer gets its topic."""
    evidence = (*question.evidence, *first.evidence)
    names = [m.text for m in wanted(question.text)]
    own = {m.text.lower() for m in wanted(first.text)}
    dx = [name_of(m, question.text) for m in mentions("dx", question.text)]
    if cue("plan", "stopping", question.text) and cue("plan", "keeps", first.text):
        return Answer(topic=capital(names[0]), evidence=question.evidence) if names else Answer()
    refuses = cue("answer", "no", first.text) or _refuses(first.text)
    if cue("unmade", "later", first.text) and not own:
        return Answer()
    if refuses:
        if names and not own & {name.lower() for name in names}:
            return Answer(claims=(claim(Section.P, none_of(names), evidence),))
        if dx and not names and cue("answer", "no", first.text):
            return Answer(claims=(claim(Section.E, none_of(dx), evidence),))
        return Answer()
    asked = question.question and dx and not names
    if asked and not mentions("dx", first.text) and cue("unmade", "refuted", first.text):
        return Answer(claims=(claim(Section.E, none_of(dx), evidence),))
    names = names or [m.text for m in mentions("topics", question.text)]
    bare = own <= set(terms("forms")) or cue("answer", "yes", first.text)
    if names and not own & {name.lower() for name in names} and bare:
        return Answer(topic=capital(names[0]), evidence=question.evidence)
    return Answer()


def _refuses(text: str) -> bool:
    return any(cue(group, "refuse", text) for group in ("plan", "unmade"))


def answers_statement(said: Sentence, reply: Sentence) -> bool:
    """Does the huisarts react to a wish or a proposal that was no question: "Dus die naproxen moet eruit." """
    if cue("plan", "refuse_that", reply.text):
        return True
    bare = len(words(reply.text)) <= 4 and not wanted(reply.text)
    agrees = cue("answer", "yes", reply.text) or cue("answer", "no", reply.text) or cue("plan", "refuse", reply.text)
    return bare and agrees is not None and bool(wanted(said.text))


def dropped(text: str, following: str, later: Sequence[str] = ()) -> list[str]:
    """What was thought of and is not done after all: "Ik heb temazepam overwogen. Maar nee, dat doen we niet." """
    names = wanted(text)
    considered = cue("plan", "considered", text)
    if not names or cue("plan", "instead", text):
        return []
    refuses = cue("unmade", "refuse", text)
    if refuses and not cue("plan", "order", text) and not cue("plan", "safety", text):
        # "Dat verandert niets aan de metformine.": that one stays
        return [m.text for m in names if m.start < refuses.end()]
    back = [n for n, said in enumerate(later) if cue("unmade", "taken_back_later", said)]
    if back and any(cue("unmade", "hesitates", said) for said in later[: back[0]]) and not any(map(wanted, later)):
        return [m.text for m in names]
    if _possible_only(text, following) or _retracted(text, names, following):
        return [m.text for m in names]
    if considered and cue_pattern("plan", "not_after_all").search(f"{text[considered.end() :]} {following}"):
        return [m.text for m in names]
    if cue("plan", "on_second_thought", following) and cue("plan", "not_after_all", following):
        again = {m.text.lower() for m in wanted(following)}
        same = {m.text.lower() for m in names} <= again if again else cue("plan", "not_that", following) is not None
        return [m.text for m in names] if same else []
    return []


def _possible_only(text: str, following: str) -> bool:
    """What could be done, with why it is not: "Ik zou u kunnen verwijzen, maar die doet niets anders." """
    possible = cue("unmade", "possible", text)
    if possible is None:
        return _judged_against(text)
    behind = text[possible.end() :]
    if cue("unmade", "not_that", behind):
        return True
    return any(cue("unmade", "not_that", said) and not wanted(said) for said in split(following)[:2])


def _judged_against(text: str) -> bool:
    """ "Bloed prikken vind ik overdreven.": what the huisarts thinks of it, in one part without an order."""
    first = re.split(r"[,;]", text)[0]
    said = cue("unmade", "opinion", first)
    if said is None or cue("plan", "order", text) or cue("plan", "safety", text) or not wanted(first):
        return False
    against = cue_pattern("unmade", "bad").search(plain_same_length(first)[said.end() :])
    return against is not None and wanted(first)[0].start < said.start()


def _retracted(text: str, names: list[Mention], following: str) -> bool:
    """Taken back at once, for another: "Naproxen schrijf ik voor. O nee, wacht, u slikt bloedverdunners." """
    if cue("unmade", "retracts", following) is None:
        return False
    again = {m.text.lower() for m in wanted(following)} & {m.text.lower() for m in names}
    first = " ".join(split(following)[:1])
    shared = {word for word in words(text) if len(word) > MOST_OF_A_LINK or re.search(r"\d", word)} & set(words(first))
    return not again and (not shared or cue("drop", "not", first) is None)


MOST_OF_A_LINK = 4  # letters of a word that only links


def if_so(text: str, following: str) -> bool:
    """ "Een foto, tja. Dat doen we als het niet beter wordt.": on a condition, told in the next sentence."""
    return len(words(text)) <= MOST_OF_A_NAME and bool(wanted(text)) and cue("unmade", "if_so", following) is not None


MOST_OF_A_NAME = 5  # words of a sentence that only names something


def without_drug(text: str) -> bool:
    """A dose without the name of what is dosed: "Dan 240 mg, 3dd." """
    dosed = DOSE.search(text) is not None or cue("plan", "left_alone", text) is not None
    return dosed and not has("drugs", text) and not cue("plan", "changes", text)


def _reaches(between: str) -> bool:
    """Is a refusal about a name before it? Not in "Paracetamol mag, tot 3 gram, niet meer." """
    *_, last = re.split(r"[,;]", between)
    return last == between or not words(between) or cue("plan", "refers_back", last.strip()) is not None


def planned(text: str) -> str:
    """One sentence of the plan in telegram style; what the huisarts will not do becomes "Geen ..."."""
    names = wanted(text)
    refused = cue_pattern("plan", "refused").search(text.lower())
    upto = [m for m in names if refused and m.start < refused.end() and not cue("plan", "order", text)]
    upto = [m for m in upto if refused and _reaches(text[m.end : refused.start()])]
    if upto:
        return none_of(m.text for m in upto)
    return capital(telegram(text, prune=False, doctor=True))
