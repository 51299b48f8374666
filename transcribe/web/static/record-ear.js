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

// Does the sound stutter: stretches without any between loud ones, as a busy computer or a bad connection leaves them? What
// is a hole is what it is in review (Tally in transcribe/asr/quality.py); there of the whole talk, here of the last ten
// seconds. Pure.
const SUDDEN = 0.1; // of the mean power of speech: beside a hole it is at least so loud
const SPOKEN = 10 ** (-45 / 10);
const SLOW = 0.01; // of a new block in that mean
const LONGEST = 15; // blocks of 20 ms
const LEAST_HOLES = 4;
const LOST = 0.02; // of the speech of the last so many frames
const RECENT = 100;

export class Stutter {
  constructor() {
    this.mean = 0;
    this.run = 0; // blocks without a sound
    this.edge = [false, false]; // was each of the two before them loud? Of one a hole takes a part
    this.waited = false; // the first block behind them was soft: the next one tells
    this.recent = []; // of each frame: [holes, blocks in them, loud blocks]
  }

  // powers: of each 20 ms of a frame
  hear(powers) {
    const frame = [0, 0, 0];
    for (const power of powers) {
      if (power === 0) {
        this.run += 1;
        continue;
      }
      const loud = this.mean > 0 && power >= SUDDEN * this.mean;
      if (power >= SPOKEN) this.mean = this.mean ? this.mean + SLOW * (power - this.mean) : power;
      frame[2] += loud ? 1 : 0;
      if (this.run && this.run <= LONGEST && this.edge.includes(true)) {
        if (!loud && !this.waited) {
          this.waited = true;
          continue;
        }
        if (loud) {
          frame[0] += 1;
          frame[1] += this.run;
        }
      }
      this.run = 0;
      this.waited = false;
      this.edge = [this.edge[1], loud];
    }
    this.recent = [...this.recent.slice(1 - RECENT), frame];
    const [holes, lost, spoken] = this.recent.reduce((sum, one) => sum.map((n, i) => n + one[i]), [0, 0, 0]);
    return holes >= LEAST_HOLES && lost > LOST * (spoken + lost);
  }
}

// 0 to 1 for the meter: -60 dB to full scale
export const height = (level) => Math.max(0, Math.min(1, 1 + level / 60));
