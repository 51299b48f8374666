"""The systemd units that docs/operations.md tells an administrator to copy."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
UNITS = {
    found[1]: found[2]
    for found in re.finditer(
        r"^```ini\n# /etc/systemd/system/(\S+)[^\n]*\n(.*?)^```", OPERATIONS.read_text(encoding="utf-8"), re.M | re.S
    )
}


def test_there_is_one_for_each_way_to_start_it() -> None:
    assert set(UNITS) == {"transcribe.service", "transcribe-web.service", "transcribe-worker@.service"}


@pytest.mark.parametrize("name", UNITS)
def test_a_service_whose_database_is_away_is_started_until_it_is_back(name: str) -> None:
    """A start without it ends in a second or two: five in ten seconds, and systemd would give up for good."""
    unit = ConfigParser(interpolation=None)
    unit.read_string(UNITS[name])
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert (unit["Service"]["Restart"], unit["Service"]["RestartSec"]) == ("always", "1")


def test_a_service_that_may_write_little_may_write_the_copies_of_the_keys() -> None:
    unit = ConfigParser(interpolation=None)
    unit.read_string(UNITS["transcribe.service"])
    backups = re.search(r"^    transcribe backup (/\S+)/", OPERATIONS.with_name("backup.md").read_text(), re.M)
    assert unit["Service"]["ProtectSystem"] == "strict"
    assert backups is not None
    assert f"-{backups[1]}" in unit["Service"]["ReadWritePaths"].split()
