// From a device's sound to frames: 16 kHz, 16 bit, 100 ms, channels interleaved. Pure: no browser in it.
export const RATE = 16_000;
export const FRAME = 1600; // samples of each channel: 100 ms
const PASS = 7000; // Hz: as it was below this, gone (70 dB) above 8 kHz
const ATTENUATION = 70; // dB

// Windowed sinc (Kaiser) cut in phases: rate * up / down = 16 kHz.
export class Resampler {
  constructor(rate) {
    const shared = gcd(rate, RATE);
    this.up = RATE / shared;
    this.down = rate / shared;
    if (this.up === this.down) return;
    const edge = Math.min(rate, RATE) / 2;
    const pass = (edge * PASS) / (RATE / 2);
    this.taps = Math.ceil((ATTENUATION - 7.95) / (14.36 * ((edge - pass) / rate))) | 1;
    this.phases = phases(this.up, this.taps, (edge + pass) / 2 / rate);
    // half of the filter looks ahead: the sound starts with as much silence
    this.past = new Float32Array(this.taps - 1);
    this.phase = 0;
    this.at = this.taps >> 1; // input samples until the next output
  }

  take(input) {
    if (this.up === this.down) return input;
    const { taps } = this;
    const all = new Float32Array(this.past.length + input.length);
    all.set(this.past);
    all.set(input, this.past.length);
    const output = [];
    while (this.at < input.length) {
      const filter = this.phases[this.phase];
      const last = this.at + taps - 1; // in all
      let sum = 0;
      for (let k = 0; k < taps; k += 1) sum += filter[k] * all[last - k];
      output.push(sum);
      this.phase += this.down;
      this.at += Math.floor(this.phase / this.up);
      this.phase %= this.up;
    }
    this.at -= input.length;
    this.past = all.slice(all.length - taps + 1);
    return output;
  }
}

const gcd = (a, b) => (b ? gcd(b, a % b) : a);

function phases(up, taps, cutoff) {
  const beta = 0.1102 * (ATTENUATION - 8.7);
  const middle = (taps - 1) / 2;
  return Array.from({ length: up }, (_, phase) => {
    const filter = Float64Array.from({ length: taps }, (__, k) => {
      const x = k - middle + phase / up;
      const inside = 1 - (x / (middle + 1)) ** 2;
      const sinc = x ? Math.sin(2 * Math.PI * cutoff * x) / (Math.PI * x) : 2 * cutoff;
      return sinc * (bessel(beta * Math.sqrt(Math.max(inside, 0))) / bessel(beta));
    });
    const gain = filter.reduce((sum, one) => sum + one, 0);
    return filter.map((one) => one / gain);
  });
}

function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

// Blocks of floats of each channel in, frames out: { pcm: Int16Array, levels: dB of each channel, full scale is 0,
// powers: for each channel that of every 20 ms, full scale is 1 }.
export class Framer {
  constructor(rate, channels) {
    this.resamplers = Array.from({ length: channels }, () => new Resampler(rate));
    this.start();
  }

  start() {
    this.pcm = new Int16Array(FRAME * this.resamplers.length);
    this.power = this.resamplers.map(() => 0);
    this.filled = 0;
  }

  // blocks[c]: floats; one that is missing (a device that is gone) is silence of the same length
  take(blocks, length) {
    const pieces = this.resamplers.map((one, c) => one.take(blocks[c] ?? new Float32Array(length)));
    const frames = [];
    for (let i = 0; i < pieces[0].length; i += 1) {
      pieces.forEach((piece, c) => {
        const sample = Math.max(-1, Math.min(1, piece[i]));
        this.power[c] += sample * sample;
        this.pcm[this.filled * pieces.length + c] = Math.round(sample * 32767);
      });
      this.filled += 1;
      if (this.filled === FRAME) frames.push(this.frame());
    }
    return frames;
  }

  // what has begun, filled with silence
  rest() {
    return this.filled ? [this.frame()] : [];
  }

  frame() {
    const levels = this.power.map((sum) => 10 * Math.log10(sum / FRAME + 1e-10));
    const done = { pcm: this.pcm, levels, powers: this.power.map((_, c) => powers(this.pcm, this.power.length, c)) };
    this.start();
    return done;
  }
}

const PART = FRAME / 5;

function powers(pcm, channels, c) {
  const found = new Array(FRAME / PART).fill(0);
  for (let i = 0; i < FRAME; i += 1) found[Math.floor(i / PART)] += (pcm[i * channels + c] / 32768) ** 2 / PART;
  return found;
}
