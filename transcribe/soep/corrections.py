"""Self-corrections: what a speaker takes back is out, what replaces it is in.

"Twee weken. Nee, drie." -> "3 weken." Works on one turn (all a speaker says in a row), after numbers are written.
The value after a correction word replaces the last value of the same kind before it; without such a value the
clause before is taken back when the correction says so ("dat is de vorige", "dat slikt hij niet meer").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from transcribe.soep.numbers import plain

Piece = tuple[tuple[int, ...], str]  # evidence and text of one sentence

_MARK = re.compile(
    r"(?P<before>[,;.]?\s*)\b(?:(?:eh+m?|of|oh|o|maar|ik bedoel),?\s+)*"
    r"(?:nee|pardon|correctie|herstel|ik bedoel|no wait|i mean|no)\b,?\s*(?:(?:wacht|sorry|ik bedoel|eigenlijk),?\s*)*",
    re.IGNORECASE,
)  # fmt: skip
_HESITATION = re.compile(r",\s*(?:eh+m?|uh+m?),?\s+", re.IGNORECASE)
_SAID = re.compile(
    r",?\s*ik zei (?:eerst )?\d[^,.]*, maar (?:(?:het|de|op het|in het) \w+ (?:is|wordt|staat) )?", re.IGNORECASE
)
_TAKEN_BACK = re.compile(
    r"^(?:dat|die|dit) (?:is|was|zijn|waren|slikt|slik|klopt|gebruikt?|hoort|had)\b", re.IGNORECASE
)

_TIME_UNIT = r"(?:seconden?|minuten|minuut|uur|dag(?:en)?|we(?:ek|ken)|maand(?:en)?|jaar|avond(?:en)?|nacht(?:en)?)"
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("pressure", r"\b\d{2,3}/\d{2,3}\b"),
        ("times", r"\b(?:ca )?\d+(?:-\d+)?(?:dd\b|x(?: per (?:week|maand|jaar|uur))?(?!\w))|\beenmalig\b"),
        ("time", rf"\b(?:\d+(?:-\d+|,\d+)?|een(?: half)?|half|halve?) {_TIME_UNIT}\b|\been half jaar\b|\beenmalig\b"),
        ("dose", r"\b\d+(?:,\d+)? ?(?:mg|mcg|ml|g|gram|%|mmol)(?!\w)"),
        ("length", r"\b\d+(?:,\d+)? ?(?:cm|mm|meter|kg|gram)\b"),
        ("day", r"\b(?:eer)?gister(?:en|avond|ochtend|middag)\b|\bvan(?:daag|morgen|ochtend|nacht|avond)\b"
                r"|\b(?:maan|dins|woens|donder|vrij|zater|zon)dag\b"),
        ("month", r"\b(?:januari|februari|maart|april|mei|juni|juli|augustus|september|oktober|november|december)\b"),
        ("side", r"\b(?:links|rechts|linker\w*|rechter\w*)"),
        ("rank", r"\b(?:eerste|tweede|derde|vierde|vijfde|zesde|zevende|achtste)\b"),
        ("class", r"\bklasse \d\b"),
        ("things", r"\b\d+(?:-\d+)? (?!(?:dd|x|mg|ml|over)\b)[^\W\d]{3,}"),
        ("number", r"(?<![\d,/])\d+(?:,\d+)?(?:-\d+)?(?![\d/,]?\d)"),
    )
)  # fmt: skip


@dataclass(frozen=True)
class _Value:
    kind: str
    start: int
    end: int
    text: str


def _values(text: str) -> list[_Value]:
    found = [_Value(kind, m.start(), m.end(), m.group()) for kind, rx in _KINDS for m in rx.finditer(text)]
    whole = [v for v in found if v.kind not in ("number", "things")]
    return [v for v in found if v in whole or not any(w.start <= v.start < w.end for w in whole)]


_NUMERIC = ("times", "time", "dose", "length", "things", "number")


def _unit(value: _Value) -> str:
    return re.sub(r"^[\d,\- ]+", "", value.text)


def _amount(value: _Value) -> str:
    """The number of a value without its unit."""
    return re.sub(r"[^\d,\-].*", "", value.text)


def _match(old: str, new: str, *, near: int = 60) -> tuple[_Value, _Value] | None:
    """The last value in the old text that the first fitting value in the new text replaces."""
    olds, news = _values(old), [v for v in _values(new) if v.start <= near]
    pairs = []
    for fresh in news:
        for stale in olds:
            if stale.kind == fresh.kind and stale.kind not in ("number", "things"):
                rank = 0
            elif stale.kind == fresh.kind == "things" and _unit(stale).lower()[:3] == _unit(fresh).lower()[:3]:
                rank = 1
            elif "number" in (stale.kind, fresh.kind) and stale.kind in _NUMERIC and fresh.kind in _NUMERIC:
                rank = 2
            else:
                continue
            if stale.text != fresh.text:
                pairs.append((fresh.start, rank, -stale.end, -len(fresh.text), stale, fresh))
    if not pairs:
        return None
    pairs.sort(key=lambda pair: pair[:4])
    return pairs[0][4], pairs[0][5]


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


def _within(text: str) -> str:
    """Corrections inside one sentence."""
    text = _SAID.sub(" ", text) if _SAID.search(text) else text
    for _ in range(4):
        mark = next(
            (m for m in _MARK.finditer(text) if m.start() > 0 and "," in m["before"] and "?" not in text[: m.start()]),
            None,
        )
        if mark is None:
            break
        old, new = text[: mark.start()], text[mark.end() :]
        replaced = _replace(old, new)
        if replaced is None:
            clause = re.split(r"[,;]\s*", old)[-1]
            if _content(clause) & _content(new[:60]) or (re.search(r"\d", clause) and _TAKEN_BACK.match(new)):
                replaced = old[: len(old) - len(clause)] + new
            elif re.search(r"\d", old) and re.match(r"(?:die|dat) ", new):
                replaced = new  # "twee keer 2,5, eh, nee, die lage dosis is alleen voor ...": all taken back
            else:
                text = old + "\0" + text[mark.start() :].replace(",", "\1", 1)
                continue
        text = replaced
    text = text.replace("\0", "").replace("\1", ",")
    mark = _HESITATION.search(text)
    if mark:
        old, new = text[: mark.start()], text[mark.end() :]
        found = _match(old, new, near=22)
        if found and found[0].end >= len(old) - 12:
            text = _replace(old, new) or text
    return text


def apply(turn: list[Piece]) -> list[Piece]:
    """A turn without what was taken back in it."""
    done: list[Piece] = []
    for evidence, raw in turn:
        text = _within(raw)
        mark = _MARK.match(text)
        if mark is None or not done or done[-1][1].rstrip().endswith("?") or not text[mark.end() :].strip(" ."):
            done.append((evidence, text))
            continue
        old_evidence, old = done[-1]
        new = text[mark.end() :]
        replaced = _replace(old, new)
        both = tuple(sorted({*old_evidence, *evidence}))
        if replaced is not None:
            done[-1] = (both, replaced)
        elif _values(old) and len(old.split()) <= 3:
            # "Drie dagen. Nee, het was zondag, ...": a bare value, said again in other words
            done[-1] = (both, new)
        elif _TAKEN_BACK.match(new):
            done[-1] = (both, _without_last(old))
            done.append((evidence, ""))
        else:
            done.append((evidence, text))
    return [(evidence, text) for evidence, text in done if re.search(r"\w", text)]


def _without_last(text: str) -> str:
    """A sentence without its last item ("A, B, en C." -> "A, B."), or nothing when it is one clause."""
    parts = re.split(r",\s+(?:en\s+)?|\s+en\s+", text)
    return ", ".join(parts[:-1]) + "." if len(parts) > 1 else ""
