"""Who said what in a recording with all voices on one channel: voices by their sound, roles by what they say."""
