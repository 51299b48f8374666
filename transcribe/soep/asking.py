"""Question and answer together: what was asked gets its meaning from the answer.

"Heeft u koorts?" "Nee." is "Geen koorts"; an Australian case of a denied symptom that was noted as present is the
best known fault of scribes (house research, users 4.1). A plain "no" denies all that was asked; a longer answer speaks
for itself, and what it does not mention is denied when it began with "no".
"""

from __future__ import annotations

import re

from transcribe.asr.transcript import Speaker
from transcribe.soep import corrections
from transcribe.soep.lexicon import any_of, cue, cue_names, cue_pattern, has, mentions, words
from transcribe.soep.sentences import Sentence
from transcribe.soep.telegram import CONTENT, capital, form, said_something, telegram

#: Headings that only say what kind of answer follows: the answer is the whole source, the question adds nothing to it.
OWN_HEADINGS = ("since", "medication", "tried")

MOST_ASKED = 3  # questions that one answer is taken to be about
LEAST_ASKED = 3  # words of a question that is told whole
LONG_ITEM = 9  # words: more is no thing that was asked, but a sentence that went on
CLOSE_S = 5.0  # seconds: further apart there may have been words between that nobody heard
#: Lists of terms a denial may be about.
DENIABLE = (*CONTENT, "describe", "family", "topics", "forms", "asked")


def follows(earlier: Sentence, later: Sentence) -> bool:
    """Nothing was said between, as far as was heard."""
    return later.place - earlier.place <= 1 and later.start_s - earlier.end_s <= CLOSE_S


def asked_last(before: list[Sentence]) -> list[Sentence]:
    """The last question of the huisarts, and those asked in one go with it: "Koorts? Hoesten?" """
    result: list[Sentence] = []
    told = False  # something behind the question
    for sentence in reversed(before):
        if not (sentence.question and sentence.speaker is Speaker.HUISARTS):
            if result:
                break
            told = told or (sentence.speaker is Speaker.HUISARTS and len(words(sentence.text)) > 1)
            continue
        if told and not result and rhetorical(sentence.text):
            break
        # what was taken for made up may have been the answer to the earlier one
        if result and not (follows(sentence, result[0]) and sentence.marked == result[0].marked):
            break
        result.insert(0, sentence)
    return result[-MOST_ASKED:]


def rhetorical(text: str) -> bool:
    """Asked of oneself: "Heeft dat zin?" """
    return cue("unmade", "rhetorical", text) is not None and cue("asking", "to_patient", text) is None


def is_wh(text: str) -> bool:
    """A question that yes or no does not answer."""
    return cue_pattern("asking", "open_question").search(text) is not None


def items(question: str) -> list[str]:
    """The things asked in a yes/no question: "Bent u benauwd, of hoort u uzelf piepen?" -> benauwd, piepen."""
    text = question.rstrip("?! .")
    text = cue_pattern("asking", "lead").sub("", text)
    text = cue_pattern("asking", "beside").sub("", text)
    text = cue_pattern("asking", "kinds").sub(lambda m: m[0] if has("symptoms", m[0]) else "", text)
    # "bloed bij de urine of de ontlasting" is one thing in two places
    text = cue_pattern("asking", "two_places").sub(lambda m: f"{m[1]}/", text)
    found = []
    for part in cue_pattern("asking", "split").split(text):
        part = re.sub(r"\s+", " ", cue_pattern("asking", "frame").sub(" ", part)).strip(" ,.-")
        part = cue_pattern("asking", "edges").sub("", part)
        part = cue_pattern("asking", "allergy").sub(form("allergy_asked"), part).replace("/ ", "/")
        if part and 0 < len(words(part)) <= LONG_ITEM:
            found.append(part)
    known = [part for part in found if any_of((*CONTENT, "describe"), part)]
    # in a list of things asked, an unknown long word is one more thing
    few = len(words(question)) <= 5
    return [
        part
        for part in found
        if part in known or (max(map(len, words(part))) > 5 and (len(found) > 1 or not known)) or (few and not known)
    ]


def denied(names: list[str]) -> str:
    """ "Geen koorts, hoest; niet benauwd": nouns with "geen", states with "niet"."""
    names = [name if name[1:2].isupper() else name[:1].lower() + name[1:] for name in names]
    verbs = [name for name in names if cue_pattern("asking", "act").match(name)]
    states = [name for name in names if cue_pattern("asking", "state").match(name.split()[-1]) and name not in verbs]
    acts = [name for name in names if cue_pattern("asking", "act_with_rest").match(name)]
    states = [name for name in states if name not in acts]
    nouns = [name for name in names if name not in verbs and name not in acts and name not in states]
    stated = [name for name in nouns if cue("drop", "not", name)]  # "Blijft het niet steken?" "Nee." -> it does not
    places = [name for name in nouns if name not in stated and _only_body(name)]
    nouns = [name for name in nouns if name not in stated and name not in places]
    parts = [form("no").format(", ".join(nouns))] if nouns else []
    parts += stated
    parts += [form("does_not").format(name) for name in places]
    parts += [form("not").format(", ".join(states))] if states else []
    parts += [form("does_not").format(name) for name in verbs]
    parts += [cue_pattern("asking", "act_with_rest").sub(lambda m: form("does_not").format(m[0]), n) for n in acts]
    return capital("; ".join(parts))


def _only_body(name: str) -> bool:
    """ "En de pink?" "Nee.": a part of the body is not denied, what ails it is."""
    named = sum(len(words(m.text)) for m in mentions("body", name))
    return named == len(words(name)) and not any_of(("symptoms", "dx", "findings"), name)


def _mentions(name: str, answer: str) -> bool:
    """Does the answer come back to a thing asked?"""
    asked = {word[:5] for found in CONTENT for m in mentions(found, name) for word in words(m.text) if len(word) > 3}
    asked = asked or {word[:5] for word in words(name) if len(word) > 3}
    return bool(asked & {word[:5] for word in words(answer)})


def answered(questions: list[Sentence], answers: list[Sentence]) -> list[tuple[str, tuple[int, ...]]]:
    """What question and answer say together, as telegram lines with evidence."""
    asked = [q for q in questions if not is_wh(q.text)]
    wide = [q for q in questions if is_wh(q.text)]
    q_evidence = tuple(i for q in asked for i in q.evidence)
    about = _denied_by(questions, answers)
    answers = _proper(answers)
    first = answers[0]
    relatives = any(has("family", q.text) for q in questions)  # otherwise what a sister has answers nothing
    everything = " ".join(a.text for a in answers if relatives or a is first or not has("family", a.text))
    result: list[tuple[str, tuple[int, ...]]] = []
    names = [name for q in asked for name in items(q.text)]
    no = cue("answer", "no", first.text)
    yes = cue("answer", "yes", first.text)
    rest = list(answers)
    heading = _asks_for(questions)
    if heading and not no and not first.question:
        bare = _without_heading(telegram(first.text, prune=False))
        if words(bare) and not _repeats(heading, bare):
            doubt = "?" if heading in ("worry", "idea") and has("dx", bare) else ""  # an idea is no diagnosis
            asking = () if heading in OWN_HEADINGS else questions[-1].evidence
            result.append((f"{form(heading)}: {bare}{doubt}", (*asking, *first.evidence)))
            rest = answers[1:]
    elif asked and no and (right := corrections.put_right(asked[-1].text, first.text[no.end() :])):
        said = telegram(cue_pattern("asking", "lead").sub("", right.rstrip("?. ")), prune=False)
        result.append((capital(said), (*asked[-1].evidence, *first.evidence)))
        rest = answers[1:]
    elif asked and no:
        only = cue("answer", "only_no", first.text)
        open_names = [
            (q, name) for q in about for name in _known(q) if not _mentions(name, everything[len(no.group()) :])
        ]
        if open_names:
            evidence = tuple(i for q, _ in open_names for i in q.evidence)
            result.append((denied([name for _, name in open_names]), (*evidence, *first.evidence)))
        if not names and about and (as_asked := _as_asked(asked[-1].text, no.group())):
            result.append((as_asked, (*asked[-1].evidence, *first.evidence)))
        if only:
            rest = answers[1:]
    elif asked and yes and names:
        bare = telegram(first.text)
        if not words(bare) or (len(words(bare)) < 2 and not any_of(CONTENT, bare)):
            result.append((capital(", ".join(names)), (*q_evidence, *first.evidence)))
            rest = answers[1:]
        elif not any(_mentions(name, everything) for name in names) and not any(
            has(kind, bare) for kind in ("symptoms", "dx", "drugs")
        ):  # fmt: skip
            result.append((f"{capital(names[0])}: {bare}", (*q_evidence, *first.evidence)))
            rest = answers[1:]
        elif len(words(bare)) == 1:
            said = capital(", ".join(names))
            same = words(bare)[0] in words(said)
            result.append((said if same else f"{said}: {bare}", (*q_evidence, *first.evidence)))
            rest = answers[1:]
    elif questions and (
        not any_of(("symptoms", "drugs", "dx"), first.text) or _leans(first.text, asked, names, everything)
    ):
        label = _label(asked, wide, names, first.text)
        bare = telegram(first.text, prune=False)
        if label and bare and (said_something(bare) or asked):
            evidence = tuple(i for q in (asked or wide) for i in q.evidence)
            result.append((f"{label}: {bare}", (*evidence, *first.evidence)))
            rest = answers[1:]
    for answer in rest:
        text = idea(answer.text, telegram(answer.text))
        if text and (said_something(answer.text) or max(map(len, words(answer.text))) >= 7) and not answer.question:
            result.append((capital(text), answer.evidence))
    return result


def not_understood(questions: list[Sentence], answers: list[Sentence]) -> bool:
    """A bare "no" that denies nothing that is known: to an open question, one too far back, or one misheard."""
    said = _proper(answers)[0].text
    if cue("answer", "only_no", said) is None or cue("answer", "no", said) is None:
        return False
    return not any(_known(question) for question in _denied_by(questions, answers))


def _proper(answers: list[Sentence]) -> list[Sentence]:
    """Without the sounds before the answer, and the thing asked said again."""
    while len(answers) > 1 and (cue("answer", "empty", answers[0].text) or _echo(answers[0])):
        answers = answers[1:]
    return answers


def _denied_by(questions: list[Sentence], answers: list[Sentence]) -> list[Sentence]:
    """The questions that a "no" is an answer to: none that is open, and none that it does not come right behind."""
    if not questions or is_wh(questions[-1].text) or not follows(questions[-1], answers[0]):
        return []
    closed = [question for question in questions if not is_wh(question.text)]
    return closed[-1:] if cue("answer", "cut_off", _proper(answers)[0].text) else closed


def _known(question: Sentence) -> list[str]:
    """The things asked, if one of them is known; otherwise the words were misheard, or are none for a note."""
    names = items(question.text)
    known = any(
        any_of(DENIABLE, name) or cue("asking", "act", name) or cue("asking", "act_with_rest", name) for name in names
    )
    return names if known else []


def _as_asked(question: str, no: str) -> str:
    """ "Denkt u wel eens dat u niet meer wilt leven?" "Nee.": with no thing to deny, the question and its answer."""
    if cue("question_label", "not", question) or cue("drop", "check", question):
        return ""
    text = telegram(cue_pattern("asking", "lead").sub("", question), prune=False)
    return f"{capital(text)}: {words(no)[-1]}" if LEAST_ASKED <= len(words(text)) <= LONG_ITEM else ""


def _echo(answer: Sentence) -> bool:
    """ "Zit er bloed bij?" "Bloed? Nee joh.": the thing asked, said again."""
    return answer.question and len(words(answer.text)) <= 3


def idea(said: str, line: str) -> str:
    """A disease the patient thinks of is no diagnosis: it gets a question mark."""
    doubt = (
        cue("subjective", "idea", said) and has("dx", line) and not line.endswith("?") and not cue("drop", "not", line)
    )
    return f"{line}?" if doubt else line


def _without_heading(text: str) -> str:
    """ "Medicatie: gebruikt amlodipine" says it twice."""
    text = cue_pattern("asking", "said_twice").sub("", text)
    return cue_pattern("asking", "tried").sub("", text, count=1)


def _repeats(heading: str, text: str) -> bool:
    """Does the answer name its kind itself ("ik ben bang voor ...")?"""
    return (
        any(cue("subjective", name, text) for name in ("worry", "wish"))
        if heading in ("worry", "wish")
        else form(heading).lower()[:5] in text.lower()
    )


def _asks_for(questions: list[Sentence]) -> str:
    """The heading an answer gets from the kind of question: worry, wish, own idea, drugs ..."""
    for question in reversed(questions):
        for name in cue_names("question"):
            found = cue("question", name, question.text)
            if found:
                return name
    return ""


def _leans(answer: str, asked: list[Sentence], names: list[str], everything: str) -> bool:
    """An answer that means nothing without its question: "Met lopen wel.", "Die moest ze vier weken." """
    if not asked or not names or any(_mentions(name, everything) for name in names):
        return False
    topic = len(words(asked[-1].text)) <= 4 and any_of(CONTENT, names[-1])
    return topic or cue("answer", "leans", answer) is not None


def _label(asked: list[Sentence], wide: list[Sentence], names: list[str], answer: str) -> str:
    """A few words that say what a bare answer is about."""
    fever = [name for name in names if cue("asking", "fever", name)]
    if fever and cue("asking", "degrees", answer):
        return capital(fever[0])
    if asked and names and not cue("question_label", "not", asked[-1].text):
        return capital(names[-1])
    for question in wide:
        if cue("question_label", "not", question.text):
            continue
        text = re.sub(cue_pattern("asking", "open_question"), "", question.text)
        text = cue_pattern("asking", "how_often").sub("", text)
        text = re.sub(r"\s+", " ", cue_pattern("asking", "frame").sub(" ", text.rstrip("?"))).strip(" ,")
        if text and any_of(CONTENT, text) and len(words(text)) <= 4:
            return capital(text)
    return ""
