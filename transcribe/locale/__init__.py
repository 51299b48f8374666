"""Catalogues: Dutch is the source, one folder for each other language. ``python -m transcribe.locale`` keeps them."""
