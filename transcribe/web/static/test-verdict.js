// What is wrong with ten seconds of sound, of each side. Pure: names of texts, no words.
import { figures, spokenIn } from "./sound-figures.js";

const SIDES = ["you", "call"];
const LEAST_S = 1; // of speech: of less nobody was heard
const DROWNED_DB = -45; // noise that may hide a voice

// frames: Int16Array with the channels interleaved; limits: those of the review (transcribe/soep/sound.py)
export function verdicts(frames, channels, limits) {
  const sides = SIDES.slice(0, channels).map((_, channel) => samples(frames, channels, channel));
  const spoken = sides.map(spokenIn);
  const anybody = spoken[0].map((_, i) => spoken.some((one) => one[i]));
  return sides.map((sound, i) => {
    const found = figures(sound, spoken[i], anybody);
    return { side: SIDES[i], figures: found, faults: faults(found, sound, limits) };
  });
}

function samples(frames, channels, channel) {
  const size = frames[0].length / channels;
  const sound = new Float32Array(frames.length * size);
  frames.forEach((frame, n) => {
    for (let i = 0; i < size; i += 1) sound[n * size + i] = frame[i * channels + channel] / 32768;
  });
  return sound;
}

function faults(found, sound, limits) {
  if (found.spoken_s < LEAST_S) {
    if (sound.every((one) => one === 0)) return ["dead"];
    return [found.noise_db > DROWNED_DB ? "drowned" : "silent"];
  }
  return [
    found.level_db < limits.soft && "soft",
    found.clipped > limits.clipped && "clipped",
    found.snr_db !== null && found.snr_db < limits.noisy && "noisy",
    found.bandwidth_hz !== null && found.bandwidth_hz <= limits.narrow && "narrow",
  ].filter(Boolean);
}
