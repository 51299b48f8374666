"""Speech to text: transcript values, windows, guards, the recogniser."""
