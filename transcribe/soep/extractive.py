"""The extractive drafter: rules on who speaks, on question and answer and on cue words. No model, no randomness.

What belongs where follows the house research, standards 1.2 (NHG guideline ADEPD): S what the patient tells, O what the
huisarts measures and finds, E the conclusion, P what is agreed. "Normal" findings that were not said are never added.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from transcribe.asr.transcript import Speaker, Suspicion, Transcript
from transcribe.soep import asking, conclusions, learned, planning
from transcribe.soep.claims import Claim, claim
from transcribe.soep.dictation import dictated, is_dictation, literal
from transcribe.soep.language import DUTCH, language, speaking
from transcribe.soep.learned import Judged, Learned, shipped
from transcribe.soep.leaving_out import REASONS, Left, is_instruction, leave_out
from transcribe.soep.lexicon import any_of, cue, cue_pattern, has, mentions, words
from transcribe.soep.lines import reports_of
from transcribe.soep.memory import forget
from transcribe.soep.missed import missed
from transcribe.soep.note import Dropped, Note, Section
from transcribe.soep.numbers import numbers_in
from transcribe.soep.problems import Divided, divide, titles_of, turns_to
from transcribe.soep.sections import Phase, is_told, measured, section_of, split_mixed, weights
from transcribe.soep.sentences import Sentence, sentences
from transcribe.soep.telegram import CONTENT, capital, form, none_of, said_something, telegram

SUSPICIONS = {
    Suspicion.REPEAT_LOOP: "herkenner herhaalt zichzelf",
    Suspicion.PHANTOM: "waarschijnlijk niet gezegd (fantoomtekst)",
    Suspicion.OVER_SILENCE: "tekst waar geen spraak was",
    Suspicion.OTHER_LANGUAGE: "in een andere taal",
    Suspicion.UNLIKELY: "te onzeker verstaan",
}


@dataclass(frozen=True)
class ExtractiveDrafter:
    """``ports.Drafter`` by rules."""

    name: str = "extractief 1"
    sections: Learned | None = field(default_factory=shipped, compare=False, repr=False)  # None: by the rules alone

    def draft(self, transcript: Transcript) -> Note:
        try:
            with speaking(transcript.language):
                return self._draft(transcript)
        finally:
            forget()

    def _draft(self, transcript: Transcript) -> Note:
        if as_said := literal(transcript):
            return Note(  # every word that was believed is in it, or named as left out
                reports=as_said.reports,
                dropped=_dropped(transcript, as_said.left, set()),
                drafter=self.name,
                next_line=sum(len(report.lines) for report in as_said.reports) + 1,
            )
        dictation = is_dictation(transcript)
        divided = Divided(said=sentences(transcript)) if dictation else divide(sentences(transcript))
        kept, left = (divided.said, []) if transcript.dictation else leave_out(divided.said, dictated=dictation)
        if dictation:
            claims = dictated(kept, whole=transcript.dictation)
        else:
            consult = _Consult(kept, nurse=_by_nurse(divided.said), judged=self._judged(kept))
            claims = consult.claims()
            left = [*consult.left, *left]
        reports = reports_of(claims, titles_of(claims) if dictation else divided.titles, whole=dictation)
        used = {i for report in reports for line in report.lines for i in line.evidence}
        note = Note(
            reports=reports,
            dropped=_dropped(transcript, left, used),
            drafter=self.name,
            next_line=sum(len(report.lines) for report in reports) + 1,
        )
        return Note(
            reports=note.reports,
            dropped=note.dropped,
            missed=missed(note, transcript),
            drafter=note.drafter,
            next_line=note.next_line,
        )

    def _judged(self, said: list[Sentence]) -> Mapping[int, Judged]:
        """By the identity of a sentence, which one talk may hold more than once."""
        if self.sections is None or language() != DUTCH or len(said) < ENOUGH:
            return {}
        return {id(said[n]): judged for n, judged in self.sections.judge(said).items()}


def _dropped(transcript: Transcript, left: list[Left], used: set[int]) -> tuple[Dropped, ...]:
    """Why an utterance is not in the note: one reason each, in order."""
    reasons: dict[int, str] = {}
    for index, utterance in enumerate(transcript.utterances):
        if utterance.suspicion is not None:
            reasons[index] = SUSPICIONS[utterance.suspicion]
    for item in left:
        for index in item.evidence:
            if item.always or index not in used:
                reasons.setdefault(index, item.reason)
    return tuple(Dropped(utterance=index, reason=reasons[index]) for index in sorted(reasons))


ENOUGH = 12  # sentences of a talk in which a place says something
TOLD = 4  # words of an answer that tells what a patient does not want
TELLING = 12  # words of a turn that is more than a reaction


@dataclass
class _Consult:
    """One conversation, read from front to back. Lives for one draft."""

    said: list[Sentence]
    nurse: bool = False  # a nurse tells it: what a nurse measures is a finding
    judged: Mapping[int, Judged] = field(default_factory=dict)
    phase: Phase = Phase.ANAMNESE
    found: list[Claim] = field(default_factory=list)
    drug: tuple[str, tuple[int, ...]] | None = None  # the last drug in the plan, for a dose without a name
    problem: int = 0  # what the talk is about now
    left: list[Left] = field(default_factory=list)
    told: list[Sentence] = field(default_factory=list)  # what may be a conclusion, and no section asks for

    @property
    def concluded(self) -> bool:
        """Has the huisarts said what it is?"""
        return any(item.section is Section.E and item.problem == self.problem for item in self.found)

    @functools.cached_property
    def several(self) -> bool:
        """Is the talk about more than one problem?"""
        return any(sentence.problem for sentence in self.said)

    def claims(self) -> list[Claim]:
        turns: list[list[Sentence]] = []
        for sentence in self.said:
            if not turns or (turns[-1][0].turn, turns[-1][0].problem) != (sentence.turn, sentence.problem):
                turns.append([])
            turns[-1].append(sentence)
        for n, turn in enumerate(turns):
            before = turns[n - 1] if n else []
            self._about(turn)
            if turn[0].speaker is Speaker.HUISARTS:
                self._doctor(turn, before)
            elif turn[0].speaker is not Speaker.ONBEKEND:
                self._patient(turn, before)
        self._conclude_after_all()
        return _heard_from_others(self.found, self.said)

    def _conclude_after_all(self) -> None:
        """A report without a conclusion gets what the huisarts told first after looking, in whatever words."""
        for problem in {sentence.problem for sentence in self.said}:
            own = [item for item in self.found if item.problem == problem]
            if any(item.section is Section.E for item in own):
                continue
            seen = max((item.evidence[-1] for item in own if item.section is Section.O), default=None)
            half = self.said[len(self.said) // 2].utterance
            since = seen if seen is not None else half
            told = [s for s in self.told if s.problem == problem and s.utterance >= since]
            if told:
                for line in conclusions.concluded(told[0].text) or [telegram(told[0].text, doctor=True)]:
                    if words(line):
                        self.found.append(claim(Section.E, line, told[0].evidence, problem=problem))

    def _about(self, turn: list[Sentence]) -> None:
        """Another problem begins with its history, unless the huisarts has found or decided something about it."""
        if turn[0].problem == self.problem:
            return
        self.problem = turn[0].problem
        self.drug = None
        done = any(item.problem == self.problem and item.section is not Section.S for item in self.found)
        told = any(item.problem == self.problem for item in self.found)
        if not done and self.phase is Phase.BELEID and (not told or any(sentence.question for sentence in turn)):
            self.phase = Phase.ONDERZOEK  # the huisarts goes through a second problem in fewer words

    def _add(self, section: Section, text: str, *evidence: tuple[int, ...]) -> None:
        if section is Section.S and len(words(text)) == 1 and not any_of((*CONTENT, "describe"), text):
            return  # "Baas.": says nothing alone
        if not {"niet", "nee", "ja", "wel"}.issuperset(words(text)):
            self.found.append(claim(section, text, *evidence, problem=self.problem))

    def _doctor(self, turn: list[Sentence], before: list[Sentence]) -> None:
        asked = [s for s in before if s.speaker is not Speaker.HUISARTS and (s.question or s is before[-1])]
        if asked and not asked[-1].question and not planning.answers_statement(asked[-1], turn[0]):
            asked = [s for s in asked if s.question]
        told = planning.answer(asked[-1], turn[0]) if asked else planning.Answer()
        if asked:
            self.drug = None  # a question in between: what follows may be about something else
        for decided in told.claims:
            self.found.append(replace(decided, problem=self.problem))
            self.phase = Phase.BELEID
        self._begins_to_tell(turn)
        announced: Sentence | None = None  # "En dan het hartfilmpje.": what the next sentence is about
        said: Sentence | None = None  # noted with the sentence before it
        for n, sentence in enumerate(turn):
            self._move_on(sentence.text)
            if sentence is said:
                continue
            late = sentence.utterance * 5 >= self.said[-1].utterance * 2
            if late and self.phase is Phase.ANAMNESE and cue("evaluation", "names", sentence.text):
                self.phase = Phase.ONDERZOEK  # concluded without looking, as on the telephone
            if self.several and turns_to(sentence.text):
                announced = sentence if has("vitals", sentence.text) else None
                continue
            if sentence.question:
                if cue("objective", "here", sentence.text):
                    self.phase = Phase.ONDERZOEK
                if self.phase is Phase.BELEID and cue("plan", "invite", sentence.text):
                    self._add(Section.P, telegram(sentence.text, prune=False, doctor=True), sentence.evidence)
                continue
            if is_instruction(sentence.text):
                self.phase = Phase.ONDERZOEK  # also after a first advice: now the huisarts looks
                counted = cue("objective", "counted", sentence.text)
                announced = replace(sentence, text=counted[1]) if counted else None
                continue
            if announced is not None and (
                value := re.match(r"(?:(?:[Dd]ie|[Dd]at) (?:is|was) )?(?=\d)", sentence.text)
            ):
                self._write(Section.O, replace(sentence, text=sentence.text[value.end() :]), "", announced)
                announced = None
                continue
            if self._repeats_new_number(sentence, before):
                self._add(Section.S, telegram(sentence.text, doctor=True), sentence.evidence)
                continue
            parts = split_mixed(sentence, self.phase)
            if len(parts) > 1:
                for part in parts:
                    found = section_of(part.text, self.phase)
                    if found is not None:
                        self._write(found, part, "", None)
                continue
            following = " ".join(s.text for s in turn[n + 1 : n + 3])
            if unmade(sentence, following):
                self.left.append(Left(evidence=sentence.evidence, reason=REASONS["unmade"]))
                continue
            if planning.if_so(sentence.text, following) and self.phase is not Phase.ANAMNESE:
                said = turn[n + 1]
                name = capital(planning.wanted(sentence.text)[0].text)
                text = telegram(said.text, prune=False, doctor=True)
                self._add(Section.P, f"{name}: {text}", sentence.evidence, said.evidence)
                continue
            if not_done := planning.dropped(sentence.text, following, [s.text for s in turn[n + 1 : n + 5]]):
                self._add(Section.P, none_of(not_done), sentence.evidence, turn[min(n + 1, len(turn) - 1)].evidence)
                continue
            if cue("plan", "weighing", sentence.text):
                continue
            section = self._section(sentence)
            if n == 0 and section is None and self._says_back(sentence, before):
                self._add(Section.S, telegram(sentence.text, prune=False, doctor=True), sentence.evidence)
                continue
            if mentions("dx", sentence.text) and cue("evaluation", "not_that", following):
                section = Section.E
            if section is Section.E and conclusions.in_general(sentence.text, following):
                continue
            if section is Section.E and (names := conclusions.gone_through(sentence.text, turn[n + 1 :])):
                self._add(Section.E, names, sentence.evidence, turn[min(n + 1, len(turn) - 1)].evidence)
                continue
            if section is None and n and self._goes_on(sentence, turn[n - 1]):
                section = Section.P
            if n and self._explains(sentence, turn[n - 1], section):
                section = Section.E
            if n == 0 and told.topic and section in (None, Section.P) and self.phase is Phase.BELEID:
                text = telegram(sentence.text, prune=False, doctor=True)
                if words(text):
                    self._add(Section.P, f"{told.topic}: {text}", sentence.evidence, told.evidence)
                continue
            if _announces(sentence.text):
                announced = sentence
                continue
            if section is None and announced is not None and mentions("dx", sentence.text):
                section = Section.O
            if section is None:
                if is_told(sentence.text):
                    self.told.append(sentence)
                continue
            self._write(section, sentence, following, announced)
            announced = None

    def _section(self, sentence: Sentence) -> Section | None:
        """By the rules where they are sure, otherwise by what was learned where that is."""
        section = section_of(sentence.text, self.phase)
        judged = self.judged.get(id(sentence))
        if judged is None:
            return section
        return learned.decided(section, weights(sentence.text, self.phase), judged)

    def _share(self, sentence: Sentence, section: Section | None) -> float:
        """How likely a section is by what was learned; 0 where that says nothing."""
        judged = self.judged.get(id(sentence))
        return judged.share(section) if judged else 0.0

    def _idle(self, sentence: Sentence) -> bool:
        """What a patient says and no note holds, as far as was learned."""
        return self._share(sentence, None) >= learned.NOT_WORTH_NOTING

    def _says_back(self, sentence: Sentence, before: list[Sentence]) -> bool:
        """The huisarts says an answer back in the words of a note: "Startstijfheid, 5 minuten." """
        text = sentence.text
        if self.phase is not Phase.ANAMNESE or not before or before[-1].speaker is Speaker.HUISARTS:
            return False
        if not 2 <= len(words(text)) <= 9 or cue("objective", "spoken_to", cue_pattern("plan", "thus").sub("", text)):
            return False
        amount = re.search(r"\d|\b(?:half|halve|uur|dag|week|maand|jaar)\b", text)
        told = amount or cue("subjective", "place", text) or cue("subjective", "time", text)
        return told is not None or any_of(("symptoms", "body", "dx", "drugs"), text)

    def _begins_to_tell(self, turn: list[Sentence]) -> None:
        """Late in a talk without an examination, the first turn that only tells is what the huisarts thinks."""
        late = turn[0].utterance * 2 >= self.said[-1].utterance
        told = sum(len(words(sentence.text)) for sentence in turn)
        if late and self.phase is Phase.ANAMNESE and told >= TELLING and not any(s.question for s in turn):
            self.phase = Phase.ONDERZOEK

    def _move_on(self, text: str) -> None:
        """The huisarts says where the consult is: "Let me tell you my assessment and plan." """
        if cue("plan", "begins", text):
            self.phase = Phase.BELEID
        elif self.phase is Phase.ANAMNESE and cue("objective", "begins", text):
            self.phase = Phase.ONDERZOEK
        elif self.phase is Phase.BELEID and not self.concluded and measured(text) and not has("drugs", text):
            self.phase = Phase.ONDERZOEK  # advised between two questions, and only now examined

    def _goes_on(self, sentence: Sentence, previous: Sentence) -> bool:
        """ "En elke dag een half uur naar buiten." right after a sentence of the plan."""
        last = self.found[-1] if self.found else None
        if last is None or last.section is not Section.P or last.evidence[-1] != previous.utterance:
            return False
        return cue("plan", "goes_on", sentence.text) is not None and len(words(sentence.text)) > 3

    def _explains(self, sentence: Sentence, previous: Sentence, section: Section | None) -> bool:
        """ "Dat komt door het ijzer.", "Uit de nek komt het niet." right after a conclusion: part of it."""
        last = self.found[-1] if self.found else None
        if last is None or last.section is not Section.E or last.evidence[-1] != previous.utterance:
            return False
        if section is Section.P and weights(sentence.text, self.phase)[Section.P] >= 4:
            return False
        if id(sentence) in self.judged and self._share(sentence, Section.E) < learned.UNLIKELY:
            return False
        known = any_of(("dx", "symptoms", "body", "findings"), sentence.text)
        caused = cue("evaluation", "cause", sentence.text) is not None
        return (caused and (known or has("drugs", sentence.text))) or (
            known and cue("evaluation", "reject", sentence.text) is not None
        )

    def _write(self, section: Section, sentence: Sentence, following: str, announced: Sentence | None) -> None:
        """One sentence of the huisarts into its section; the consult moves on with it."""
        text = sentence.text
        if section is Section.S:
            self._add(Section.S, telegram(text, doctor=True), sentence.evidence)
        elif section is Section.O:
            self.phase = Phase.ONDERZOEK if self.phase is Phase.ANAMNESE else self.phase
            if announced is None:
                self._add(Section.O, telegram(text, prune=False, doctor=True), sentence.evidence)
            else:
                label = telegram(announced.text, prune=False)
                self._add(Section.O, f"{label}: {telegram(text, doctor=True)}", announced.evidence, sentence.evidence)
                found = [m for m in mentions("dx", text) if m not in conclusions.rejected(text)]
                if found and found[0].start == 0:  # a test that gives the diagnosis
                    self._add(Section.E, found[0].text, sentence.evidence)
        elif section is Section.E:
            self.phase = Phase.BELEID
            for line in conclusions.concluded(text, following) or [telegram(text, prune=False, doctor=True)]:
                self._add(Section.E, line, sentence.evidence)
        else:
            if weights(text, self.phase)[Section.P] >= 3:
                self.phase = Phase.BELEID
            line = planning.planned(text)
            if planning.without_drug(text) and self.drug is not None:
                self._add(Section.P, f"{self.drug[0]}: {line}", self.drug[1], sentence.evidence)
                return
            self._add(Section.P, line, sentence.evidence)
            drugs = mentions("drugs", text)
            if drugs and not line.startswith(capital(form("no").format(""))):
                self.drug = (drugs[-1].text.capitalize(), sentence.evidence)

    def _declined(self, reply: Sentence, before: list[Sentence]) -> bool:
        """ "Wilt u dat?" "Liever nog niet.": what was proposed stays, with the patient's answer behind it."""
        last = self.found[-1] if self.found else None
        proposed = {i for s in before for i in s.evidence}
        if last is None or last.section is not Section.P or not proposed & set(last.evidence):
            return False
        if not cue("subjective", "declines", reply.text) and not cue("unmade", "declines", reply.text):
            return False
        answer = telegram(reply.text, prune=False)
        self.found[-1] = claim(
            Section.P,
            f"{last.text}; {form('patient').lower()}: {answer}",
            last.evidence,
            reply.evidence,
            problem=last.problem,
        )
        return True

    def _no_longer(self, reply: Sentence, before: list[Sentence]) -> None:
        """ "U rookt tien per dag." "Dat was zo.": what was read out is no longer so."""
        last = self.found[-1] if self.found else None
        if last is None or last.section is not Section.S or not before or before[-1].evidence != last.evidence:
            return
        if cue("unmade", "no_longer", reply.text):
            self.found.pop()

    def _repeats_new_number(self, sentence: Sentence, before: list[Sentence]) -> bool:
        """The huisarts sums up with a number of his own: "Vandaag is het dinsdag, dus drie dagen." """
        if self.phase is not Phase.ANAMNESE or len(words(sentence.text)) > 12 or has("vitals", sentence.text):
            return False
        if not before or not cue("subjective", "time", sentence.text):
            return False
        return bool(numbers_in(sentence.text) - numbers_in(" ".join(s.text for s in before)))

    def _patient(self, turn: list[Sentence], before: list[Sentence]) -> None:
        if self.nurse and turn[0].speaker is Speaker.BEGELEIDER and any(measured(s.text) for s in turn):
            first = next(n for n, s in enumerate(turn) if measured(s.text))
            for sentence in turn[first:]:
                self._add(Section.O, telegram(sentence.text), sentence.evidence)
            turn = turn[:first]
            if not turn:
                return
        others = [s for s in turn if _of_others(s)]
        self.left += [Left(evidence=s.evidence, reason=REASONS["others"]) for s in others]
        turn = [s for s in turn if s not in others and not unmade(s, "")]
        if not turn:
            return
        self._no_longer(turn[0], before)
        questions = asking.asked_last(before)
        if self.phase is Phase.BELEID and self._declined(turn[0], before):
            if len(words(turn[0].text)) >= TOLD:
                self._add(Section.S, telegram(turn[0].text), turn[0].evidence)  # what a patient does not want is S
            turn = turn[1:]
            if not turn:
                return
        if self.phase is Phase.BELEID and not questions:
            news = False
            for sentence in turn:
                told = _volunteered(sentence.text) or (news and _amount(sentence.text))
                told = told or self._share(sentence, Section.S) >= learned.WORTH_NOTING
                news = not sentence.question and (told or _changed_drug(sentence.text))
                if news:
                    self._add(Section.S, telegram(sentence.text), sentence.evidence)
            return
        if questions:
            answers = [s for s in turn if s is turn[0] or not (s.question or self._idle(s))]
            if asking.not_understood(questions, answers):
                self.left.append(Left(evidence=answers[0].evidence, reason=REASONS["no"]))
            for text, evidence in asking.answered(questions, answers):
                self._add(Section.S, text, evidence)
            rest = [s for s in turn if s.question and s is not turn[0]]
        else:
            rest = turn
        for sentence in rest:
            text = sentence.text
            wish = cue("subjective", "wish", text) and any_of(("drugs", "care"), text)
            if sentence.question and not wish:
                if cue("subjective", "work", text) and "," in text:
                    self._add(Section.S, telegram(text.split(",")[0]), sentence.evidence)
                continue
            if not self._idle(sentence) and (said_something(text) or max(map(len, words(text)), default=0) >= 7):
                self._add(Section.S, asking.idea(text, telegram(text)), sentence.evidence)


def unmade(sentence: Sentence, following: str) -> bool:
    """What would have been, and is not: "Was u ouder, dan had ik een foto gemaakt." A diagnosis in it is rejected."""
    if cue("unmade", "unreal", sentence.text) is None:
        return False
    return sentence.speaker is not Speaker.HUISARTS or not conclusions.rejected(sentence.text, following)


def _of_others(sentence: Sentence) -> bool:
    """Somebody who is no relative, or the companion's own illness."""
    if sentence.speaker is Speaker.BEGELEIDER and cue("unmade", "own_illness", sentence.text):
        return cue("unmade", "patient_too", sentence.text) is None
    return cue("unmade", "other_one", sentence.text) is not None


def _by_nurse(said: list[Sentence]) -> bool:
    """Does a nurse call or stand beside the patient? Told in the first sentences."""
    return any(s.speaker is Speaker.BEGELEIDER for s in said) and any(cue("roles", "nurse", s.text) for s in said[:6])


def _heard_from_others(claims: list[Claim], said: list[Sentence]) -> list[Claim]:
    """The history as another person tells it is named as such (standards 1.2: heteroanamnese, name the source)."""
    others = {i for s in said if s.speaker is Speaker.BEGELEIDER for i in s.evidence}
    result = list(claims)
    named: set[int] = set()  # problems in whose report it is said
    for n, item in enumerate(result):
        if item.section is Section.S and others & set(item.evidence) and item.problem not in named:
            result[n] = replace(item, text=f"{form('told_by_other')}: {item.text[:1].lower()}{item.text[1:]}")
            named.add(item.problem)
    return result


def _announces(text: str) -> bool:
    """A few words that only name a test or a part of the body."""
    return (
        len(words(text)) <= 5
        and any_of(("care", "vitals"), text)
        and not re.search(r"\d", text)
        and not any_of(("findings", "drugs"), text)
        and cue("objective", "announced", text) is not None
        and cue("evaluation", "judged", text) is None
    )


def _amount(text: str) -> bool:
    """ "Twintig milligram.": a few words with a number, behind what they count."""
    return len(words(text)) < 5 and re.search(r"\d", text) is not None


def _changed_drug(text: str) -> bool:
    """ "De metoprolol is omhoog, van 50 naar 100.": what is used, with its amount."""
    return has("drugs", text) and re.search(r"\d", text) is not None and len(words(text)) >= 4


def _volunteered(text: str) -> bool:
    """Late in a consult a patient mostly reacts; news for the note is a worry, work, someone's illness, own history."""
    if len(words(text)) < 4:
        return False
    if cue("subjective", "work", text) or cue("subjective", "worry", text):
        return said_something(text)
    if has("family", text) and any_of(("dx", "symptoms"), text):
        return True
    if cue("subjective", "wish", text) and any_of(("drugs", "care"), text):
        return True
    return cue("subjective", "own", text) is not None and any_of(("dx", "drugs"), text) and said_something(text)
