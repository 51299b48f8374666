"""The scribe: from a spoken Dutch consult to a SOEP note that the GP has verified."""

__version__ = "0.1.0"
