"""How hard a Dutch text is to read, in figures that anybody can count.

There is no formula for B1. What guides for plain Dutch agree on is short sentences and short words, so that is what is
measured: words in a sentence, letters in a word, and how many words are long. The limits are ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Of a text at B1: words in a sentence (on average, and in the longest), letters in a word, share of long words.
MEAN_WORDS, MOST_WORDS, MEAN_LETTERS, LONG_SHARE = 12.0, 20, 5.2, 0.05
#: From so many letters a word is long.
LONG = 12
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True, kw_only=True)
class Reading:
    mean_words: float
    most_words: int
    mean_letters: float
    long_share: float

    @property
    def plain(self) -> bool:
        """Within all limits."""
        return (
            self.mean_words <= MEAN_WORDS
            and self.most_words <= MOST_WORDS
            and self.mean_letters <= MEAN_LETTERS
            and self.long_share <= LONG_SHARE
        )


def reading(body: str) -> Reading:
    """A heading and a point of a list end a sentence, as a full stop, a question mark and a colon do."""
    rows = re.sub(r"\n(?=\s*(?:-|#|\n))", ".\n", body)
    sentences = [found for part in re.split(r"[.?!:;]+", rows) if (found := _WORD.findall(part))]
    words = [word for sentence in sentences for word in sentence]
    if not words:
        return Reading(mean_words=0, most_words=0, mean_letters=0, long_share=0)
    return Reading(
        mean_words=len(words) / len(sentences),
        most_words=max(map(len, sentences)),
        mean_letters=sum(map(len, words)) / len(words),
        long_share=sum(len(word) >= LONG for word in words) / len(words),
    )
