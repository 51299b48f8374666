// Is anybody heard? Speech stands out above the hum of a room, and is never as even as that. Pure.
const LEAST_DB = -55; // below this nothing is speech
const ABOVE_DB = 8; // over the hum
const RISE_DB = 0.05; // of what counts as the hum, for each frame of 100 ms

export class Ear {
  constructor() {
    this.hum = -30;
    this.quiet = 0; // frames
  }

  // seconds since somebody was heard
  hear(level) {
    this.hum = Math.min(level, this.hum + RISE_DB);
    this.quiet = level > Math.max(LEAST_DB, this.hum + ABOVE_DB) ? 0 : this.quiet + 1;
    return this.quiet / 10;
  }
}

// 0 to 1 for the meter: -60 dB to full scale
export const height = (level) => Math.max(0, Math.min(1, 1 + level / 60));
