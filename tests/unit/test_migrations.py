"""Migrations that are out in the world stay as they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from transcribe.store import migrations

VERSIONS = Path(migrations.__path__[0]) / "versions"
#: SHA-256 of each that databases of users may have been made with. Add the new ones when a version is released.
RELEASED = {
    "0001_start.py": "cd81a67827eb23598d8d8634d420f50ac24df80d9fdca2cab2fb32e230ec0871",
    "0002_jobs.py": "eb9aa821c791ff4b13a88649d6d703a3cc21ad604e196185a9f548162cfc2447",
    "0003_preferences.py": "513895bf629eb2dc9113cea675a9792799fb325f5d176c7f0cca198603db2554",
    "0004_words.py": "33fe43df8844b9255d2fe93da77c9139b852c4ea89ab32ac94b3d2dfeca7cdc0",
    "0005_ledger.py": "c971a58dcded3db1b0ba8a5e3b7de824253c231691f97156921b64a1fa17ec3a",
    "0006_contact.py": "ed47b34afc71f7dbb9a158525c7d8173d00293786709eb2c2badff39a2013e98",
    "0007_passing_on.py": "16c817e129dd662a30f49db91f31973fcfc24188f832859758a07df89b697096",
    "0008_video.py": "14a4145fe09a0a85b716ef2c9b4d90c0ea2aee995821ce5f65a389907ac2a3f4",
    "0009_exercise.py": "c99b55b6d7483d6a94051fba240c0ba79220158c509152b16430fcc543da9c3c",
    "0012_access_log.py": "cf6d337138ee831e520cd3b24bba3b011c326728e441119eae5a5c65209566b8",
    "0015_accounts.py": "d29ddd12545d516383ffa285c37acd78cbaa229a834c793d2913d48d96afa455",
    "0016_elsewhere.py": "91ecd4d625a106cbc81dc0f78464818fc6ec81cf9e2c1a9d812ed86e6fab8e07",
    "0017_closed.py": "762a4e2a3dfbb4390d42889b1c0339fa8a4d2cfe2547e61a3dffd1dd4a1de1a6",
    "0018_voice_profile.py": "d526f795ae75df3a29da941cbfc5c9b8009296529c8688de50cfc40581fd6f0d",
    "0019_sounding.py": "48de3e0bf365092f240f2b25690b4071b57296c2dc54e3665bc79c0682acfcca",
}


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_migration_is_not_changed(name: str) -> None:
    found = hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest()
    assert found == RELEASED[name], (
        "databases that were made with it do not get the change: put it in a new migration and undo this one"
    )
