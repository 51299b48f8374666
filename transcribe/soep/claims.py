"""What a draft is made of: claims, each with its section, its text in telegram style and its evidence."""

from __future__ import annotations

from dataclasses import dataclass

from transcribe.soep.note import Section


@dataclass(frozen=True, kw_only=True)
class Claim:
    section: Section
    text: str
    evidence: tuple[int, ...]
    problem: int = 0  # of the contact, counted from 0; each gets its own report


def claim(section: Section, text: str, *evidence: tuple[int, ...], problem: int = 0) -> Claim:
    return Claim(
        section=section, text=text, evidence=tuple(sorted({i for part in evidence for i in part})), problem=problem
    )
