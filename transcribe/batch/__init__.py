"""Recordings that were made elsewhere, brought in many at a time: a manifest says whose they are."""
