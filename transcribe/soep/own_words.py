"""Words that the recogniser should know: drugs, colleagues, places. Pure.

Whisper reads them before the text, in the same 448 tokens. Two full lists, of the doctor and of the practice, are about
190 of these (names take 2.5 characters a token); what is left is enough for 28 s of quick speech (about 150).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from transcribe.errors import N_, InvalidInput
from transcribe.soep.numbers import plain

#: Of one list.
MOST_WORDS = 20
MOST_CHARACTERS = 240
#: Of one entry ("Wijkteam Noord").
LONGEST = 40


def check_word(word: str, known: Sequence[str]) -> str:
    """The word, tidied, for a list that holds those. Raises ``InvalidInput`` with a sentence of what is wrong."""
    word = " ".join(word.split())
    if not any(c.isalpha() for c in word):
        raise InvalidInput(problem=N_("Vul een woord of een naam in."))
    if len(word) > LONGEST:
        raise InvalidInput(problem=N_("Een woord of naam heeft hoogstens 40 tekens."))
    if not re.fullmatch(r"[\w .'’+/-]+", word):
        raise InvalidInput(
            problem=N_("Gebruik alleen letters, cijfers, spaties, punt, apostrof, streepje, plus en schuine streep.")
        )
    others = [other for other in known if other != word]
    if len(others) >= MOST_WORDS or sum(map(len, (*others, word))) > MOST_CHARACTERS:
        raise InvalidInput(
            problem=N_("Deze lijst is vol: hoogstens 20 woorden, samen 240 tekens. Verwijder eerst een woord.")
        )
    return word


def alphabetical(word: str) -> tuple[str, str]:
    """To sort by: capitals and accents make no difference."""
    return plain(word), word
