// How one channel sounds: the same figures as transcribe/asr/quality.py, which says what they mean; a test compares the
// two. Holes are left out: nothing is lost on the way here. Pure: no browser in it.
const RATE = 16_000;
export const FRAME = RATE / 50; // samples: 20 ms
export const FRAME_S = FRAME / RATE;
const APART = 5; // frames
const LEAST_QUIET = 25; // frames
const FLOOR_DB = -96;
const CLIPPED = 0.98;
const BAND = 5;
const BANDS = FRAME / 2 / BAND;
const BAND_HZ = (BAND * RATE) / FRAME;
const EVERY = 4;
const AUDIBLE_DB = -45;
const STANDS_OUT = 2;
const [NARROW_HZ, WIDE_HZ] = [5000, 7000];
const HIDING_DB = -35;

const db = (power) => 10 * Math.log10(Math.max(power, 10 ** (FLOOR_DB / 10)));
const ratio = (level) => 10 ** (level / 10);
const HANN = Float64Array.from({ length: FRAME }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FRAME));
const COS = Float64Array.from({ length: FRAME }, (_, i) => Math.cos((2 * Math.PI * i) / FRAME));

// samples: floats, -1 to 1, 16 kHz; spoken: for each frame whether somebody speaks, `anybody`: or the other side does
export function figures(samples, spoken, anybody = spoken) {
  const count = Math.floor(samples.length / FRAME);
  const frames = Array.from({ length: count }, (_, i) => samples.subarray(i * FRAME, (i + 1) * FRAME));
  const powers = frames.map(powerOf);
  const near = widened(anybody.slice(0, count), APART);
  const speech = frames.filter((_, i) => spoken[i] && powers[i] > 0);
  const quiet = frames.filter((_, i) => !near[i]);
  const power = speech.reduce((sum, frame) => sum + powerOf(frame), 0) / speech.length;
  const noise = median(quiet.map((frame) => Math.round(db(powerOf(frame)))));
  const clipped = speech.reduce((sum, frame) => sum + frame.reduce((n, x) => n + (Math.abs(x) >= CLIPPED), 0), 0);
  return {
    spoken_s: speech.length * FRAME_S,
    level_db: speech.length ? db(power) : null,
    noise_db: noise,
    snr_db: speech.length && noise !== null ? db(Math.max(power / ratio(noise) - 1, 0.01)) : null,
    clipped: speech.length ? clipped / (speech.length * FRAME) : 0,
    bandwidth_hz: bandwidth(speech, quiet),
  };
}

const powerOf = (frame) => frame.reduce((sum, x) => sum + x * x, 0) / FRAME;

function median(levels) {
  if (levels.length < LEAST_QUIET) return null;
  const louder = [...levels].sort((a, b) => b - a);
  return louder[Math.floor((louder.length + 1) / 2) - 1];
}

export function widened(frames, by) {
  return frames.map((_, i) => frames.slice(Math.max(0, i - by), i + by + 1).some(Boolean));
}

function bandwidth(speech, quiet) {
  if (!speech.length) return null;
  const [voice, hiss] = [spectrum(speech), spectrum(quiet)];
  const strongest = Math.max(...voice);
  const audible = voice.map((one, i) => one >= strongest * ratio(AUDIBLE_DB) && one > STANDS_OUT * hiss[i]);
  const top = BAND_HZ * (audible.lastIndexOf(true) + 1);
  const above = hiss.slice(NARROW_HZ / BAND_HZ, WIDE_HZ / BAND_HZ);
  return top <= NARROW_HZ && Math.max(...above) > strongest * ratio(HIDING_DB) ? null : top;
}

// mean power by bands, of one frame of so many; the lowest is hum and no voice
function spectrum(frames) {
  const some = frames.filter((_, i) => i % EVERY === 0);
  const total = new Array(BANDS).fill(0);
  for (const frame of some) {
    const shaped = frame.map((x, i) => x * HANN[i]);
    for (let bin = BAND; bin < BANDS * BAND; bin += 1) {
      let [real, imaginary] = [0, 0];
      for (let i = 0, at = 0; i < FRAME; i += 1, at = (at + bin) % FRAME) {
        real += shaped[i] * COS[at];
        imaginary += shaped[i] * COS[(at + FRAME / 4) % FRAME];
      }
      total[Math.floor(bin / BAND)] += real * real + imaginary * imaginary;
    }
  }
  return total.map((one) => one / Math.max(1, some.length));
}

// Where somebody speaks, by loudness alone: what stands out above the hum of a room. A detector knows better; here a
// person was asked to talk.
const ABOVE_DB = 10;
const LEAST_DB = -60;
const JOINED = 7; // frames to both sides: the soft parts of words

export function spokenIn(samples) {
  const count = Math.floor(samples.length / FRAME);
  const levels = Array.from({ length: count }, (_, i) => db(powerOf(samples.subarray(i * FRAME, (i + 1) * FRAME))));
  const sounding = levels.filter((level) => level > FLOOR_DB).sort((a, b) => a - b);
  const hum = sounding[Math.floor(sounding.length / 10)] ?? FLOOR_DB;
  return widened(levels.map((level) => level > Math.max(LEAST_DB, hum + ABOVE_DB)), JOINED);
}
