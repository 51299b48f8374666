"""How the voice of a huisarts sounds, who agreed to that, to know it again on a mixed channel. Pure.

A profile is biometric data (AVG art. 9, art. 4 under 14): it is made of the huisarts's own voice, with consent, and of
nobody else's. A recording with two voices in it is refused; that of a patient is never made into one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from transcribe.audio.pcm import RATE_HZ, Samples
from transcribe.errors import N_, InvalidInput
from transcribe.speakers.features import CEPSTRA, HOP, Rows, voiced
from transcribe.speakers.voices import HeardWords, voices

#: The rows that a profile is the mean of. Others, and those of before are worth nothing.
ROWS = f"cepstra {CEPSTRA} and pitch"
LEAST_S = 12.0  # with a pitch: that is half of what somebody says, in noise a third
MOST_S = 300.0  # of a recording
PIECE_S = 0.3  # about a word
PAUSE_ROWS = 5  # of a piece with fewer, nobody speaks
STRETCH = 10  # pieces at most
ANOTHER = 1.4  # as ``Nearness.apart``: two people, and no two ways of speaking of one

#: What to read aloud: about a minute, with all sounds of Dutch; says nothing of anybody.
READ_ALOUD = (
    "Goedemorgen, ik lees deze tekst voor met mijn gewone stem, op mijn gewone plaats. Op maandag begint de praktijk "
    "om acht uur, dan gaat de telefoon vaak meteen. De assistente zet koffie en kijkt welke uitslag er is.",
    "Buiten schijnt de zon, maar het waait hard langs het raam. Ik vraag graag door en luister naar wat iemand "
    "bezighoudt. Daarna leg ik uit wat ik denk en wat we gaan doen. Heeft u nog een vraag? Dan hoor ik die graag.",
    "Tussen de middag eet ik een boterham en loop ik een rondje door het park, ook als het regent. In de middag rijd "
    "ik visites in de wijk achter de kerk. Om zes uur gaat het licht uit en fiets ik naar huis.",
)

TOO_LITTLE = N_("Er is te weinig van uw stem te horen. Lees de hele tekst voor, ongeveer een minuut.")
TWO_VOICES = N_(
    "In deze opname is meer dan één stem te horen. Een stemprofiel wordt alleen van uw eigen stem gemaakt: neem op als "
    "u alleen bent."
)


@dataclass(frozen=True, kw_only=True)
class Profile:
    mean: tuple[float, ...]  # of the rows of ``features.voiced``
    voiced_s: float  # that it was made of
    rows: str = ROWS

    def row(self) -> NDArray[np.float64] | None:
        """None: of rows that we do not make any more."""
        return np.array(self.mean) if self.rows == ROWS else None


@dataclass(frozen=True, kw_only=True)
class Enrolled:
    """A profile, and what the huisarts agreed to. The access log has it too, and keeps it longer."""

    profile: Profile
    agreed_at: datetime  # aware
    text: str  # which one


def profile_of(read: Callable[[float, float], Samples], duration_s: float) -> Profile:
    """Of one voice alone. ``read``: samples between two moments (seconds). Raises ``InvalidInput``."""
    pieces = [
        voiced(read(start, start + PIECE_S)) for start in np.arange(0.0, min(duration_s, MOST_S), PIECE_S).tolist()
    ]
    rows = np.concatenate(pieces or [voiced(np.zeros(0, np.float32))])
    voiced_s = len(rows) * HOP / RATE_HZ
    if voiced_s < LEAST_S:
        raise InvalidInput(problem=TOO_LITTLE)
    found = voices(_heard(pieces)).nearness
    if found is not None and found.apart >= ANOTHER:
        raise InvalidInput(problem=TWO_VOICES)
    return Profile(mean=tuple(rows.mean(axis=0).tolist()), voiced_s=voiced_s)


def _heard(pieces: list[Rows]) -> HeardWords:
    """Pieces as words, cut into stretches at pauses."""
    stretch, stretches, length = 0, [], 0
    for rows in pieces:
        length += 1
        if len(rows) < PAUSE_ROWS or length > STRETCH:
            stretch, length = stretch + 1, 0
        stretches.append(stretch)
    every = np.concatenate(pieces)
    return HeardWords(
        count=np.array([len(rows) for rows in pieces], float),
        total=np.array([rows.sum(axis=0) for rows in pieces]),
        square=every.T @ every,
        utterance=np.array(stretches),
        pause=np.zeros(len(pieces), bool),
        usable=np.ones(len(pieces), bool),
    )
