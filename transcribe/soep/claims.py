"""What a draft is made of: claims, each with its section, its text in telegram style and its evidence."""

from __future__ import annotations

from dataclasses import dataclass

from transcribe.soep.note import Section


@dataclass(frozen=True, kw_only=True)
class Claim:
    section: Section
    text: str
    evidence: tuple[int, ...]
    topic: str = ""  # claims of one topic may share a line


def claim(section: Section, text: str, *evidence: tuple[int, ...], topic: str = "") -> Claim:
    return Claim(
        section=section, text=text, evidence=tuple(sorted({i for part in evidence for i in part})), topic=topic
    )
