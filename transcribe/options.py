"""Options that several commands have: one name, one sentence of help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from transcribe.i18n import preferred_language, translations

_ = translations(preferred_language()).gettext

# Where the practice's data are.
DataDir = Annotated[Path | None, typer.Option("--data-dir", help=_("Map voor database, geluid, sleutels en modellen."))]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", help=_("Eigen PostgreSQL-server (15 of nieuwer); leeg: ingebouwd."))
]
BlobStore = Annotated[
    str | None,
    typer.Option("--blob-store", help=_("Waar het geluid staat: een map of s3://bucket/map; leeg: in de gegevensmap.")),
]
OsUser = Annotated[
    str | None, typer.Option("--os-user", help=_("Account voor de ingebouwde PostgreSQL als u root bent."))
]

# Who is at work, and with what.
Name = Annotated[str | None, typer.Option("--name", help=_("Uw naam, zoals die bij een akkoord komt te staan."))]
UserRole = Annotated[str | None, typer.Option("--user-role", help=_("huisarts, waarnemer, poh of assistente."))]
Model = Annotated[str | None, typer.Option("--model", help=_("Naam van het spraakmodel."))]
Demo = Annotated[bool, typer.Option("--demo", help=_("Demonstratie: het demomodel mag worden gebruikt."))]
Port = Annotated[int | None, typer.Option("--port", help=_("Poort van de schermen."))]

# The consult that is begun.
_REF = typer.Option("--ref", help=_("Patiëntkenmerk uit uw HIS."))
Ref = Annotated[str, _REF]
RefOrNone = Annotated[str | None, _REF]
ConsentHow = Annotated[
    str | None, typer.Option("--consent", help=_("Hoe de patiënt toestemde: mondeling, schriftelijk of digitaal."))
]
InformedBy = Annotated[str | None, typer.Option("--informed-by", help=_("Wie de patiënt informeerde (naam en rol)."))]
OthersInformed = Annotated[
    bool, typer.Option("--others-informed", help=_("Iedereen in de kamer weet het en stemt in."))
]
