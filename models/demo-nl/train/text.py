"""Training text for the demo model: a grammar of Dutch consult talk, and sentences nobody can guess.

Five kinds of line, each for its own reason:

- ``patterns`` and ``talk``: a huisarts and a patient talking, with alternatives and word slots. What the demo is about.
- ``turn``: what people wrote down as consult talk, knowing nothing of the demo (``benchmarks/talks``): a sentence, or
  two or three of one turn. A wide vocabulary. Left out where that folder is not there.
- ``changed``: the same sentences with words swapped for random ones, some shuffled. The decoder learns the
  patterns long before it learns to listen; here a pattern is no help, so it has to listen.
- ``everyday``: random strings of the commonest words, because those short words carry most of free talk.
- ``listed``: strings of words from a word list (Debian package wdutch), for spelling what was never heard before.

Everything is drawn from one seed. Sentences given as held out never appear in what ``write`` returns.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Collection, Sequence
from pathlib import Path

WORD_LIST = Path("/usr/share/dict/dutch")
# One text may come back this often: the three voices say it differently, more often teaches nothing new.
MOST_COPIES = 4
# How much of each kind of line, against the others.
SHARES: dict[str, float] = {
    "patterns": 0.25,
    "talk": 0.15,
    "turn": 0.3,
    "changed": 0.17,
    "everyday": 0.04,
    "listed": 0.09,
}
# A line of several sentences is no longer than this, about nine seconds: what fits in a short training window.
MOST_LETTERS = 110

_ONES = (
    "nul",
    "een",
    "twee",
    "drie",
    "vier",
    "vijf",
    "zes",
    "zeven",
    "acht",
    "negen",
    "tien",
    "elf",
    "twaalf",
    "dertien",
    "veertien",
    "vijftien",
    "zestien",
    "zeventien",
    "achttien",
    "negentien",
)
_TENS = ("", "", "twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig")


def number_words(number: int) -> str:
    """A whole number of 0 .. 9999 as it is said in Dutch."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        if ones == 0:
            return _TENS[tens]
        return _ONES[ones] + ("ën" if _ONES[ones].endswith("e") else "en") + _TENS[tens]
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return ("" if hundreds == 1 else _ONES[hundreds]) + "honderd" + (number_words(rest) if rest else "")
    thousands, rest = divmod(number, 1000)
    head = ("" if thousands == 1 else number_words(thousands)) + "duizend"
    return head + (" " + number_words(rest) if rest else "")


def _slot_lists(table: str) -> dict[str, list[str]]:
    return {name: words.split("|") for name, words in (row.split(": ", 1) for row in table.splitlines())}


_GRAMMAR = Path(__file__).resolve().parent / "grammar"
# In a pattern "{slot}" is a drawn word and "[a|b]" one of the alternatives.
SLOTS: dict[str, list[str]] = _slot_lists((_GRAMMAR / "slots.txt").read_text(encoding="utf-8"))
# The patterns the first checkpoint was trained on.
PATTERNS: tuple[str, ...] = tuple((_GRAMMAR / "patterns.txt").read_text(encoding="utf-8").splitlines())
# Freer talk. Here lives the variety: the same thing said in many ways, with the small words of spoken Dutch.
TALK: tuple[str, ...] = tuple((_GRAMMAR / "talk.txt").read_text(encoding="utf-8").splitlines())
# The commonest words of spoken Dutch.
EVERYDAY: tuple[str, ...] = tuple((_GRAMMAR / "everyday.txt").read_text(encoding="utf-8").split())


class Writer:
    """Draws sentences from one seeded source of chance."""

    def __init__(self, seed: int, word_list: Sequence[str] = (), turns: Sequence[Sequence[str]] = ()) -> None:
        self._chance = random.Random(seed)
        # Short words first, so that drawing can prefer them.
        self._listed = sorted(word_list, key=len)
        # The turns from each of their sentences on, so that every sentence has the same chance.
        self._turns = [turn[place:] for turn in turns for place in range(len(turn))]
        self._turn_words = sorted({word for turn in turns for sentence in turn for word in plain(sentence).split()})

    def patterns(self) -> str:
        """A sentence of the first patterns."""
        return self.fill(self._chance.choice(PATTERNS))

    def talk(self) -> str:
        """A sentence of freer talk."""
        return self.fill(self._chance.choice(TALK))

    def turn(self) -> str:
        """A sentence that somebody wrote, or two or three that followed each other in one turn."""
        first, *more = self._chance.choice(self._turns)
        line = first
        for sentence in more[: self._chance.choice((0, 0, 0, 1, 1, 2))]:
            if len(line) + len(sentence) >= MOST_LETTERS:
                break
            line += " " + sentence
        return line

    def changed(self) -> str:
        """A consult sentence with about a third of its words swapped, one in five of them shuffled as well."""
        kinds = (self.patterns, self.talk, *([self.turn, self.turn] if self._turns else []))
        words = self._chance.choice(kinds)().split()
        for place, word in enumerate(words):
            if self._chance.random() < 0.35:
                fresh = self._any_word()
                words[place] = fresh + (word[-1] if word[-1] in ",.?:!" else "")
        if self._chance.random() < 0.2:
            words = [word.rstrip(",.?:!") for word in words]
            self._chance.shuffle(words)
            words[-1] += "."
        return _capital(" ".join(words))

    def everyday(self) -> str:
        """Two to twelve common words in any order, now and then a rare one."""
        words = [
            self._any_word() if self._chance.random() < 0.1 else self._chance.choice(EVERYDAY)
            for _ in range(self._chance.randint(2, 12))
        ]
        return self._punctuated(words)

    def listed(self) -> str:
        """Two to eight words, most from the word list."""
        return self._punctuated([self._any_word() for _ in range(self._chance.randint(2, 8))])

    def fill(self, pattern: str) -> str:
        """Choose alternatives and fill the slots of a pattern."""
        while "[" in pattern:
            pattern = re.sub(r"\[([^\[\]]*)\]", lambda m: self._chance.choice(m.group(1).split("|")), pattern)
        text = re.sub(r"\{(\w+)\}", lambda m: self._slot(m.group(1)), pattern)
        text = re.sub(r" +([.,?])", r"\1", re.sub(r" {2,}", " ", text))
        return _capital(text)

    def _slot(self, name: str) -> str:
        chance = self._chance
        ranges = {
            "n9": (0, 9),
            "n10": (2, 14),
            "n30": (1, 31),
            "n36": (36, 40),
            "n50": (20, 99),
            "n60": (18, 96),
            "n90": (85, 99),
            "n90b": (21, 99),
            "n100": (95, 210),
        }
        if name in ranges:
            return number_words(chance.randint(*ranges[name]))
        if name == "n1":
            return chance.choice(("een", "twee", "drie", "een halve"))
        if name == "temp":
            return f"{number_words(chance.randint(35, 41))} komma {number_words(chance.randint(0, 9))}"
        if name == "mg":
            return number_words(chance.choice(_DOSES_MG))
        if name == "side":
            return chance.choice((*SLOTS["side"], ""))
        if name == "dx0":
            return re.sub(r"^(een|de) ", "", chance.choice(SLOTS["dx"]))
        return chance.choice(SLOTS[name])

    def _any_word(self) -> str:
        if self._turn_words and self._chance.random() < 0.4:
            return self._chance.choice(self._turn_words)
        if not self._listed or self._chance.random() < 0.35:
            return self._chance.choice(EVERYDAY)
        return self._listed[int(len(self._listed) * self._chance.random() ** 1.8)]

    def _punctuated(self, words: list[str]) -> str:
        for place in range(len(words) - 1):
            if self._chance.random() < 0.1:
                words[place] += ","
        return _capital(" ".join(words)) + self._chance.choice((".", ".", ".", "?"))


_DOSES_MG = (5, 10, 20, 25, 30, 40, 50, 75, 80, 100, 125, 150, 160, 200, 250, 300, 400, 500, 600, 625, 750, 850, 1000)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def read_word_list(path: Path = WORD_LIST) -> list[str]:
    """The plain lower-case words of a word list, 2 to 18 letters."""
    words = path.read_text(encoding="utf-8").split()
    return [word for word in words if re.fullmatch(r"[a-zéèëïöüç]{2,18}", word)]


def read_talks(folder: Path) -> list[list[str]]:
    """The turns of all talks in ``folder``, each a list of sentences; none where the folder is not there."""
    talks = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.json"))]
    return [[sentence for sentence, _ in turn["sentences"]] for talk in talks for turn in talk["utterances"]]


def draw_held_out(count: int, seed: int, patterns: Sequence[str]) -> list[str]:
    """Up to ``count`` different sentences of these patterns, at most three of one, only of patterns that vary."""
    writer, chance = Writer(seed), random.Random(seed)
    varied = [pattern for pattern in patterns if "{" in pattern or "[" in pattern]
    chance.shuffle(varied)
    held: list[str] = []
    for _ in range(3):
        for pattern in varied:
            sentence = writer.fill(pattern)
            if len(held) < count and sentence not in held:
                held.append(sentence)
    return held


def write(
    count: int,
    seed: int,
    held_out: Collection[str],
    word_list: Sequence[str],
    turns: Sequence[Sequence[str]] = (),
) -> list[str]:
    """``count`` training lines in the proportions of ``SHARES``, none of them and no part of a turn in ``held_out``."""
    taboo = {plain(sentence) for sentence in held_out}
    allowed = [[sentence for sentence in turn if plain(sentence) not in taboo] for turn in turns]
    writer, chance = Writer(seed, word_list, allowed), random.Random(seed)
    shares = {kind: share for kind, share in SHARES.items() if kind != "turn" or any(allowed)}
    kinds = {kind: getattr(writer, kind) for kind in shares}
    copies: dict[str, int] = {}
    sentences: list[str] = []
    while len(sentences) < count:
        sentence = kinds[chance.choices(list(shares), list(shares.values()))[0]]()
        key = plain(sentence)
        if key in taboo or copies.get(key, 0) >= MOST_COPIES:
            continue
        copies[key] = copies.get(key, 0) + 1
        sentences.append(sentence)
    return sentences


def plain(text: str) -> str:
    """Lower case, letters and apostrophes only, single spaces: how sentences are compared and scored."""
    return " ".join(re.sub(r"[^a-zà-ÿ' ]", " ", text.lower()).split())
