"""Sound: PCM values, decoding, voice activity."""
