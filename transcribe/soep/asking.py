"""Question and answer together: what was asked gets its meaning from the answer.

"Heeft u koorts?" "Nee." is "Geen koorts"; an Australian case of a denied symptom that was noted as present is the
best known fault of scribes (house research, users 4.1). A plain "no" denies all that was asked; a longer answer speaks
for itself, and what it does not mention is denied when it began with "no".
"""

from __future__ import annotations

import re

from transcribe.soep.lexicon import any_of, cue, cue_names, cue_pattern, has, mentions, words
from transcribe.soep.sentences import Sentence
from transcribe.soep.telegram import CONTENT, capital, said_something, telegram

#: Headings that only say what kind of answer follows: the answer is the whole source, the question adds nothing to it.
OWN_HEADINGS = ("Sinds", "Medicatie", "Zelf geprobeerd")


def is_wh(text: str) -> bool:
    """A question that yes or no does not answer."""
    return cue_pattern("asking", "open_question").search(text) is not None


def items(question: str) -> list[str]:
    """The things asked in a yes/no question: "Bent u benauwd, of hoort u uzelf piepen?" -> benauwd, piepen."""
    text = question.rstrip("?! .")
    text = re.sub(r"^\W*(?:en|maar|verder|of|nou|dus|oke|oké)\b,?\s*", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\bgeen\b|,? *\b(?:meneer|mevrouw|mijnheer|dokter)\b", "", text, flags=re.IGNORECASE)
    text = re.sub(
        r"^[^,?]{0,40}\b(?:ziektes|klachten|medicijnen)\b,\s*", lambda m: m[0] if has("symptoms", m[0]) else "", text
    )
    # "bloed bij de urine of de ontlasting" is one thing in two places
    text = re.sub(
        r"(\b(?:bij|in|aan|op|uit|van|door) (?:de|het|uw|je) \w+) of (?=(?:de|het|uw|je|bij|in|aan|op|uit) )",
        r"\1/",
        text,
    )
    found = []
    for part in re.split(r",\s*(?:of |en )?|\s+of\s+|\s+en\s+(?!toe\b)|\s+or\s+", text):
        part = re.sub(r"\s+", " ", cue_pattern("asking", "frame").sub(" ", part)).strip(" ,.-")
        part = re.sub(r"^(?:van|aan|voor|met|tijdens zo'n aanval|dat|als)\s+|\s+(?:van|met)$", "", part)
        part = cue_pattern("asking", "allergy").sub("allergie", part).replace("/ ", "/")
        if part and words(part):
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
    parts = [f"geen {', '.join(nouns)}"] if nouns else []
    parts += [f"niet {', '.join(states)}"] if states else []
    parts += [f"{name} niet" for name in verbs]
    parts += [cue_pattern("asking", "act_with_rest").sub(lambda m: f"{m.group()} niet", name) for name in acts]
    return capital("; ".join(parts))


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
    first = answers[0]
    everything = " ".join(a.text for a in answers)
    result: list[tuple[str, tuple[int, ...]]] = []
    names = [name for q in asked for name in items(q.text)]
    no = cue("answer", "no", first.text)
    yes = cue("answer", "yes", first.text)
    rest = list(answers)
    heading = _asks_for(questions)
    if heading and not no and not first.question:
        bare = _without_heading(telegram(first.text, prune=False))
        if words(bare) and not _repeats(heading, bare):
            doubt = "?" if heading in ("Bang", "Denkt zelf") and has("dx", bare) else ""  # an idea is no diagnosis
            asking = () if heading in OWN_HEADINGS else questions[-1].evidence
            result.append((f"{heading}: {bare}{doubt}", (*asking, *first.evidence)))
            rest = answers[1:]
    elif asked and no:
        only = cue("answer", "only_no", first.text)
        open_names = [name for name in names if not _mentions(name, everything[len(no.group()) :])]
        if open_names:
            result.append((denied(open_names), (*q_evidence, *first.evidence)))
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
    elif questions and not (has("symptoms", first.text) or has("drugs", first.text) or has("dx", first.text)):
        label = _label(asked, wide, names)
        bare = telegram(first.text, prune=False)
        if label and bare and (said_something(bare) or asked):
            evidence = tuple(i for q in (asked or wide) for i in q.evidence)
            result.append((f"{label}: {bare}", (*evidence, *first.evidence)))
            rest = answers[1:]
    for answer in rest:
        text = telegram(answer.text)
        if text and (said_something(answer.text) or max(map(len, words(answer.text))) >= 7) and not answer.question:
            result.append((capital(text), answer.evidence))
    return result


def _without_heading(text: str) -> str:
    """ "Medicatie: gebruikt amlodipine" says it twice."""
    text = re.sub(r"^(?:gebruikt|slikt|neemt|dacht zelf:|denkt zelf aan|denkt)\s+(?=\w)", "", text, flags=re.IGNORECASE)
    return re.sub(r"\s+geprobeerd\b", "", text, count=1)


def _repeats(heading: str, text: str) -> bool:
    """Does the answer name its kind itself ("ik ben bang voor ...")?"""
    return (
        any(cue("subjective", name, text) for name in ("worry", "wish"))
        if heading in ("Bang", "Wil")
        else heading.lower()[:5] in text.lower()
    )


def _asks_for(questions: list[Sentence]) -> str:
    """The heading an answer gets from the kind of question: worry, wish, own idea, drugs ..."""
    for question in reversed(questions):
        for name in cue_names("question"):
            found = cue("question", name, question.text)
            if found:
                return name
    return ""


def _label(asked: list[Sentence], wide: list[Sentence], names: list[str]) -> str:
    """A few words that say what a bare answer is about."""
    if asked and names and not cue("question_label", "not", asked[-1].text):
        return capital(names[-1])
    for question in wide:
        if cue("question_label", "not", question.text):
            continue
        text = re.sub(r"^\W*vaak\b", "", re.sub(cue_pattern("asking", "open_question"), "", question.text))
        text = re.sub(r"\s+", " ", cue_pattern("asking", "frame").sub(" ", text.rstrip("?"))).strip(" ,")
        if text and any_of(CONTENT, text) and len(words(text)) <= 4:
            return capital(text)
    return ""
