"""``transcribe record``: the microphone of the machine on which the service runs. See docs/workstation.md."""
