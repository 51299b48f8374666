"""Self-corrections: what a speaker takes back is out, what replaces it is in.

"Twee weken. Nee, drie." -> "3 weken." Works on one turn (all a speaker says in a row), after numbers are written.
The value after a correction word replaces the last value of the same kind before it; without such a value the
clause before is taken back when the correction says so ("dat is de vorige", "dat slikt hij niet meer").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from transcribe.soep.language import by_language
from transcribe.soep.lexicon import cue_pattern, has, mentions
from transcribe.soep.numbers import plain

Piece = tuple[tuple[int, ...], str]  # evidence and text of one sentence


@by_language
def _kinds() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The kinds of values that can be taken back; those with words in them stand in the table of cues."""
    digits = {
        "pressure": r"\b\d{2,3}/\d{2,3}\b",
        "dose": r"\b\d+(?:,\d+)? ?(?:mg|mcg|ml|g|gram|%|mmol)(?!\w)",
        "length": r"\b\d+(?:,\d+)? ?(?:cm|mm|meter|kg|gram)\b",
        "things": r"\b\d+(?:-\d+)? (?!(?:dd|x|mg|ml|over)\b)[^\W\d]{3,}",
        "number": r"(?<![\d,/])\d+(?:,\d+)?(?:-\d+)?(?![\d/,]?\d)",
    }
    spoken = ("times", "time", "day", "month", "side", "rank", "class")
    return (
        *((kind, cue_pattern("correction", kind)) for kind in spoken),
        *((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in digits.items()),
    )


@dataclass(frozen=True)
class _Value:
    kind: str
    start: int
    end: int
    text: str


def _values(text: str) -> list[_Value]:
    found = [_Value(kind, m.start(), m.end(), m.group()) for kind, rx in _kinds() for m in rx.finditer(text)]
    whole = [v for v in found if v.kind not in ("number", "things")]
    return [v for v in found if v in whole or not any(w.start <= v.start < w.end for w in whole)]


_NUMERIC = ("times", "time", "dose", "length", "things", "number")


def _unit(value: _Value) -> str:
    return re.sub(r"^[\d,\- ]+", "", value.text)


def _amount(value: _Value) -> str:
    """The number of a value without its unit."""
    return re.sub(r"[^\d,\-].*", "", value.text)


def _rank(stale: _Value, fresh: _Value) -> int | None:
    """How well one value can replace another, 0 is best; None: it can't."""
    if stale.kind == "number" and fresh.kind == "pressure":
        return 1 if SYSTOLIC_FROM <= float(_amount(stale).split("-")[0].replace(",", ".")) <= SYSTOLIC_TO else None
    if stale.kind == fresh.kind and stale.kind not in ("number", "things"):
        return 0
    if stale.kind == fresh.kind == "things" and _unit(stale).lower()[:3] == _unit(fresh).lower()[:3]:
        return 1
    if "number" in (stale.kind, fresh.kind) and stale.kind in _NUMERIC and fresh.kind in _NUMERIC:
        alike = _alike(stale, fresh)
        if not alike and stale.kind == "times":
            return None  # "3 keer. Nee, 400.": that was said of something else
        return 1 if alike and stale.kind == fresh.kind else 2 if alike else 3
    return None


def _match(old: str, new: str, *, near: int = 60) -> tuple[_Value, _Value] | None:
    """The last value in the old text that the first fitting value in the new text replaces."""
    olds, news = _values(old), [v for v in _values(new) if v.start <= near]
    pairs = []
    for fresh in news:
        for stale in olds:
            rank = _rank(stale, fresh)
            if rank is not None and stale.text != fresh.text:
                pairs.append((fresh.start, rank, -stale.end, -len(fresh.text), stale, fresh))
    if not pairs:
        return None
    pairs.sort(key=lambda pair: pair[:4])
    return pairs[0][4], pairs[0][5]


SYSTOLIC_FROM, SYSTOLIC_TO = 60, 280  # mmHg of a pressure that was broken off: "160, sorry, 146/80"
SIZE = 8  # a slip of the tongue is not another order of size: 600 is no correction of "3 keer"


def _alike(stale: _Value, fresh: _Value) -> bool:
    """Are two numbers of about the same size?"""
    old, new = (float(re.split("-", _amount(v))[0].replace(",", ".") or 0) for v in (stale, fresh))
    return old == new == 0 or (min(old, new) > 0 and max(old, new) / min(old, new) <= SIZE)


def _merge(stale: _Value, fresh: _Value) -> str:
    """The new value, with the unit of the old one when it has none of its own."""
    if fresh.kind == "number" and stale.kind in ("dose", "length", "time", "things"):
        return f"{fresh.text} {_unit(stale)}".replace(" %", "%")
    if fresh.kind == "number" and stale.kind == "times":
        return fresh.text + _unit(stale)
    if fresh.kind == "things" and stale.kind == "number":
        return _amount(fresh)
    return fresh.text


def _tail(text: str) -> str:
    """What follows the new value: a separate remark, or the rest of the sentence."""
    return re.sub(r"^\s*(?:,?\s*dus|natuurlijk|zelfs)\b", "", text)


def _replace(old: str, new: str) -> str | None:
    found = _match(old, new)
    if found is None:
        return None
    stale, fresh = found
    put = _merge(stale, fresh)
    bare = fresh.kind == "things" and stale.kind == "number"  # "drie, nee, vier dagen": the noun stays where it is
    end = fresh.start + len(_amount(fresh)) if bare else fresh.end
    rest = _tail(new[end:])
    between = old[stale.end :]
    between = re.sub(r",? dus .*", "", between).rstrip(" .")  # what followed from the old value goes with it
    if fresh.kind == "class":
        between = ""
    elif not re.match(r"\s*[,.;]|\s*$", rest):
        # "3 dagen niks, nee, 2 dagen rustig": the new value brings its own words; other values of the old one stay
        again = {v.kind for v in _values(rest)}
        kept = [p for p in between.split(", ")[1:] if (own := {v.kind for v in _values(p)}) and not own & again]
        return old[: stale.start] + put + ", ".join([rest.rstrip(" ."), *kept]) + "."
    return old[: stale.start] + put + between + rest


def _content(text: str) -> set[str]:
    return {
        word
        for word in re.findall(r"[a-z]{4,}", plain(text))
        if word not in ("maar", "want", "niet", "heeft", "wordt", "mag")
    }


_NAMED = re.compile(r",? ([A-Z][a-z]+)$")


def _within(text: str) -> str:
    """Corrections inside one sentence."""
    text = cue_pattern("correction", "said").sub(" ", text)
    if cue_pattern("correction", "dismissed").search(text):  # "van 25 naar, eh, 50 is te veel, naar 37"
        text = re.sub(r"\b(\w+),? \1\b", r"\1", cue_pattern("correction", "dismissed").sub("", text))
    for _ in range(4):
        mark = next(
            (
                m
                for m in cue_pattern("correction", "mark").finditer(text)
                if m.start() > 0 and m.group().startswith(",") and "?" not in text[: m.start()]
            ),
            None,
        )
        if mark is None:
            break
        old, new = text[: mark.start()], text[mark.end() :]
        names = _NAMED.search(old), re.match(r"[A-Z][a-z]+\b", new)
        replaced = _replace(old, new)
        if replaced is None and names[0] and names[1]:
            replaced = old[: names[0].start(1)] + new  # "mijn jongste, Anna, nee Eva"
        elif replaced is None and names[1] and has("family", old.split()[-1]):
            replaced = old + new[names[1].end() :]  # the first name is the relation already
        if replaced is None:
            clause = re.split(r"[,;]\s*", old)[-1]
            if _content(clause) & _content(new[:60]) or (re.search(r"\d", clause) and _taken_back(new)):
                replaced = old[: len(old) - len(clause)] + new
            elif re.search(r"\d", old) and re.match(r"(?:die|dat) ", new):
                replaced = new  # "twee keer 2,5, eh, nee, die lage dosis is alleen voor ...": all taken back
            else:
                text = old + "\0" + text[mark.start() :].replace(",", "\1", 1)
                continue
        text = replaced
    text = text.replace("\0", "").replace("\1", ",")
    mark = cue_pattern("correction", "hesitation").search(text)
    if mark:
        old, new = text[: mark.start()], text[mark.end() :]
        found = _match(old, new, near=22)
        if found and found[0].end >= len(old) - 12:
            text = _replace(old, new) or text
    return text


def apply(turn: list[Piece]) -> list[Piece]:
    """A turn without what was taken back in it."""
    done: list[Piece] = []
    corrected = ""  # the last value that replaced another in this turn
    for evidence, raw in _with_what_follows(_decided(turn)):
        text = _within(raw)
        if _instead(done, evidence, text) or _meant(done, evidence, text):
            continue
        mark = cue_pattern("correction", "mark").match(text)
        if mark is None or not done or done[-1][1].rstrip().endswith("?") or not text[mark.end() :].strip(" ."):
            if not (corrected and _said_again(done, evidence, text, corrected)):
                done.append((evidence, text))
            continue
        new = text[mark.end() :]
        bare = _values(new)
        corrected = bare[0].text if bare else corrected
        if len(done) > 1 and _further_back(done, new):
            old_evidence, old = done[-2]
            done[-2:] = [(tuple(sorted({*old_evidence, *evidence})), _replace(old, new) or old), done[-1]]
            continue
        old_evidence, old = done[-1]
        replaced = _replace(old, new)
        both = tuple(sorted({*old_evidence, *evidence}))
        replaced = replaced or _other_drug(old, new)
        if replaced is not None:
            done[-1] = (both, replaced)
        elif _values(old) and len(old.split()) <= 3:
            # "Drie dagen. Nee, het was zondag, ...": a bare value, said again in other words
            done[-1] = (both, new)
        elif _last_taken_out(old, new):
            done[-1] = (both, _without_last(old).rstrip(".") + _behind_item(old, new))
        elif _taken_back(new) and not _diagnoses(old, new):
            done[-1] = (both, _without_last(old))
            done.append((evidence, ""))
        else:
            done.append((evidence, text))
    return [(evidence, text) for evidence, text in done if re.search(r"\w", text)]


FAR = 3  # sentences back to a value that is replaced


def _decided(turn: list[Piece]) -> list[Piece]:
    """What a speaker asks himself, or measures again, and settles: the value that it came to stays."""
    result: list[Piece] = []
    rest = list(turn)
    while rest:
        evidence, text = rest.pop(0)
        following = rest[0][1] if rest else ""
        if result and following and text.rstrip().endswith("?") and len(result[-1][1].split()) <= BARE:
            # "Rechts. Uw rechts of mijn rechts? Voor mij is het links."
            new = _replace(result[-1][1], following) if _sides(result[-1][1]) and _sides(following) else None
            if new is not None:
                old_evidence, _ = result[-1]
                result[-1] = (tuple(sorted({*old_evidence, *rest.pop(0)[0]})), following)
                continue
        if result and following and _asks_himself(text):
            result[-1], rest = _settled(result[-1], (evidence, text), rest)
            continue
        if result and following and _measured_wrong(text):
            old_evidence, old = result[-1]
            new = _replace(old, following) if len(following.split()) <= 3 else None
            if new is not None:
                result[-1] = (tuple(sorted({*old_evidence, *rest.pop(0)[0]})), new)
                continue
        result.append((evidence, text))
    return result


BARE = 3  # words of a value that stands alone


def _sides(text: str) -> list[_Value]:
    return [value for value in _values(text) if value.kind == "side"]


def _asks_himself(text: str) -> bool:
    if not text.rstrip().endswith("?"):
        return False
    drug = len(text.split()) <= BARE and has("drugs", text)  # "Bisoprolol? Nee, metoprolol staat er."
    return drug or cue_pattern("correction", "or_was").match(text) is not None


def _measured_wrong(text: str) -> bool:
    return not re.search(r"\d", text) and cue_pattern("correction", "not_valid").search(text) is not None


def _settled(before: Piece, asked: Piece, rest: list[Piece]) -> tuple[Piece, list[Piece]]:
    """ "Maandag. Of was het dinsdag? Ja, dinsdag.": the day asked about; with "nee" what comes behind it."""
    evidence, old = before
    answer = rest[0][1]
    said = cue_pattern("answer", "yes").match(answer)
    denied = cue_pattern("answer", "no").match(answer)
    if said:
        new = _replace(old, asked[1]) or _other_drug(old, asked[1])
        return ((tuple(sorted({*evidence, *asked[0]})), new.rstrip("? ") + "."), rest) if new else (before, rest)
    if denied:
        new = _replace(old, answer[denied.end() :]) or _other_drug(old, answer[denied.end() :])
        if new:
            return (tuple(sorted({*evidence, *rest[0][0]})), new), rest[1:]
    return before, rest


def _other_drug(old: str, new: str) -> str | None:
    """Another drug in the place of the last one, whose dose goes with it."""
    names, others = mentions("drugs", old), mentions("drugs", new)
    denial = cue_pattern("correction", "denial")
    if not names or not others or others[0].start > NEAR_START:
        return None
    if denial.search(old) or denial.search(new.split(",")[0]):
        return None
    behind = re.sub(r"^,? ?\d+(?:,\d+)? ?(?:mg|mcg|ml|g)(?!\w)", "", old[names[-1].end :])
    return old[: names[-1].start] + new[others[0].start :].rstrip(" .") + behind


NEAR_START = 15  # letters before the drug that is meant


def _instead(done: list[Piece], evidence: tuple[int, ...], text: str) -> bool:
    """ "Over 2 weken. Dan ben ik weg. 4 weken dan.", "250. Hm, toch maar 500, 2dd.": the last one counts."""
    bare = cue_pattern("correction", "instead").match(text)
    after_all = cue_pattern("correction", "after_all").search(text)
    if bare is None and (after_all is None or has("drugs", text)):
        return False
    new = text[bare.start("value") : bare.end("value")] if bare else text[after_all.end() :] if after_all else ""
    for n in range(len(done) - 1, max(-1, len(done) - 1 - (FAR if bare else 1)), -1):
        old_evidence, old = done[n]
        found = None if old.rstrip().endswith("?") else _match(old, new, near=1)
        if found is None or not _alike_kind(*found) or any(_amount(v) == _amount(found[1]) for v in _values(old)):
            continue
        done[n] = (tuple(sorted({*old_evidence, *evidence})), _replace(old, new) or old)
        return True
    return False


def _meant(done: list[Piece], evidence: tuple[int, ...], text: str) -> bool:
    """ "Ik slik X. Hoe heet 't, Y bedoel ik.": the drug or value before "bedoel ik"."""
    said = cue_pattern("correction", "meant").search(text)
    first = cue_pattern("correction", "meant_first").match(text)
    if first:
        said, text = first, text[: first.end()]  # "Rechts, sorry, ik haal ze door elkaar."
    if said is None or not done or done[-1][1].rstrip().endswith("?"):
        return False
    old_evidence, old = done[-1]
    new = _other_drug(old, said["new"]) or _replace(old, said["new"])
    if new is None:
        return False
    done[-1] = (tuple(sorted({*old_evidence, *evidence})), new.rstrip(" .") + text[said.end() :])
    return True


def _alike_kind(stale: _Value, fresh: _Value) -> bool:
    """The same kind and unit, or at least a bare number of about the same size."""
    if stale.kind == fresh.kind == "time":
        return _unit(stale)[:3] == _unit(fresh)[:3]
    return stale.kind == fresh.kind or (stale.kind in _NUMERIC and fresh.kind in _NUMERIC and _alike(stale, fresh))


def put_right(old: str, new: str) -> str | None:
    """A text with the value that another speaker puts right: "lisinopril 10?" "Nee, 20." """
    values = _values(new)
    if not values or values[0].start > NEAR_START:
        return None
    return _replace(old, new[values[0].start : values[0].end])


def _with_what_follows(turn: list[Piece]) -> list[Piece]:
    """ "Pap 2, nee, ik kijk op de verkeerde regel. Pap 3.": what only takes back, with what comes in its place."""
    result: list[Piece] = []
    open_end = False
    for evidence, text in turn:
        if open_end:
            before, start = result.pop()
            evidence, text = tuple(sorted({*before, *evidence})), f"{start.rstrip(' .')} {text}"
        marks = list(cue_pattern("correction", "mark").finditer(text))
        open_end = bool(marks) and not text[marks[-1].end() :].strip(" .") and _only_takes_back(text, marks[-1])
        result.append((evidence, text))
    return result


def _only_takes_back(text: str, mark: re.Match[str]) -> bool:
    """A mark at the end, behind a number or as a whole sentence; a bare "Nee." is an answer."""
    if mark.start() == 0:
        return len(text.split()) > 2
    return mark[0].startswith(",") and re.search(r"\d", text) is not None


def _further_back(done: list[Piece], new: str) -> bool:
    """ "600. Drie keer. Nee, 400.": the number taken back is the one of its own size, one sentence further back."""
    near, far = _match(done[-1][1], new), _match(done[-2][1], new)
    if far is None or done[-2][1].rstrip().endswith("?") or far[1].kind != "number" or not _alike(*far):
        return False
    return near is None or not _alike(*near)


def _said_again(done: list[Piece], evidence: tuple[int, ...], text: str, corrected: str) -> bool:
    """ "Nee, 65. 3 kilo dus.": what follows from the new value replaces what followed from the old one."""
    values = _values(text)
    follows = cue_pattern("correction", "follows").search(text)
    if len(values) == 1 and follows and len(text.split()) <= 5:
        for n, (old_evidence, old) in enumerate(done):
            for stale in _values(old):
                if stale.kind == values[0].kind and _unit(stale) == _unit(values[0]) and stale.text != values[0].text:
                    put = old[: stale.start] + values[0].text + old[stale.end :]
                    done[n] = (tuple(sorted({*old_evidence, *evidence})), put)
                    return True
    # "400. 4 keer per dag 400.": all of it said once more, complete
    again = [v for v in values if _amount(v) == corrected or v.text == corrected]
    short = [n for n, (_, old) in enumerate(done) if corrected in old and len(old.split()) <= 3]
    if again and len(values) > 1 and short:
        n = short[-1]
        gone = [i for i, (_, old) in enumerate(done) if i >= n and len(old.split()) <= 3]
        both = {i for k in gone for i in done[k][0]} | {*evidence}
        done[n:] = [(tuple(sorted(both)), text), *(piece for i, piece in enumerate(done) if i > n and i not in gone)]
        return True
    return False


def _taken_back(text: str) -> bool:
    return cue_pattern("correction", "taken_back").match(text) is not None


def _diagnoses(old: str, new: str) -> bool:
    """ "Nee, dit is krentenbaard.", "Een hernia. Nee, dat is het niet.": a conclusion, nothing taken back."""
    return has("dx", new) or (has("dx", old) and cue_pattern("evaluation", "not_that").match(plain(new)) is not None)


def _last_taken_out(old: str, new: str) -> bool:
    """ "Bloedarmoede, suiker en B12. Nee, B12 heeft geen zin.": only the last of the list is taken out."""
    parts = re.split(r",\s+(?:en\s+)?|\s+en\s+", old)
    if len(parts) < 3 or not cue_pattern("correction", "denial").search(new):
        return False
    begins = {plain(word) for word in re.findall(r"[\w-]{3,}", new)[:2]}
    return bool(begins & {plain(word) for word in re.findall(r"[\w-]{3,}", parts[-1])})


def _behind_item(old: str, new: str) -> str:
    """What is said of the whole list behind its last item: "... en B12 laat ik doen." """
    begins = [word for word in re.findall(r"[\w-]{3,}", new)[:2] if word in old]
    return old[old.rindex(begins[0]) + len(begins[0]) :] if begins else "."


def _without_last(text: str) -> str:
    """A sentence without its last item ("A, B, en C." -> "A, B."), or nothing when it is one clause."""
    parts = re.split(r",\s+(?:en\s+)?|\s+en\s+", text)
    return ", ".join(parts[:-1]) + "." if len(parts) > 1 else ""
