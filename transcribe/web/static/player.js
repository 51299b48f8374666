// Plays exactly the moments of a line, one after the other, and stops. Each word is marked as it is heard.
import { bringIntoView } from "./evidence.js";
import { say } from "./problems.js";

const SILENCE_S = 1.5; // shorter pauses belong to the talk
const EDGE_S = 0.6; // who comes into a silence from further away went there on purpose
const audio = document.querySelector("[data-player]");
const speed = document.querySelector("[data-speed]");
const skipping = document.querySelector("[data-skip-silence]");
let queue = [];
let until = null; // the end of the moment that plays; null: the whole recording does
let button = null;
let last = 0; // where the last look at the clock was

const parse = (spans) =>
  spans
    .split(" ")
    .filter(Boolean)
    .map((span) => span.split("-").map(Number));

export function play(spans, from = null) {
  if (!audio || !spans) return;
  const again = button && button === from && !audio.paused;
  stop();
  if (again) return;
  queue = parse(spans);
  button = from;
  button?.classList.add("playing");
  button?.setAttribute("aria-pressed", "true");
  next();
}

export function stop() {
  queue = [];
  until = null;
  button?.classList.remove("playing");
  button?.removeAttribute("aria-pressed");
  button = null;
  audio?.pause();
}

export const playing = () => Boolean(audio && !audio.paused);

// one step faster or slower, for as long as this page is open
export function pace(by) {
  if (!speed) return;
  speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), speed.options.length - 1);
  paced();
}

function paced() {
  audio.defaultPlaybackRate = audio.playbackRate = Number(speed.value);
}

function next() {
  const span = queue.shift();
  if (!span) return stop();
  [audio.currentTime, until] = span;
  audio.play().catch((problem) => {
    // pausing a sound that had not started yet is no problem
    if (problem.name !== "AbortError") say(document.getElementById("melding").dataset.networkError);
    stop();
  });
}

document.addEventListener("click", (event) => {
  const one = event.target.closest?.("[data-play]");
  if (one) play(one.dataset.play, one);
});

if (audio) {
  const utterances = [...document.querySelectorAll("[data-talk] > .utterance")].map((one) => {
    const [start, end] = parse(one.dataset.spans)[0];
    const text = one.querySelector("[data-words]");
    const times = (text?.dataset.words || "").split(" ").filter(Boolean);
    return { id: one.id, start, end, times: times.map((time) => start + time / 100) };
  });
  const silences = [];
  let heardUntil = 0;
  // where somebody spoke is no silence, also when no words were understood
  const wordless = parse(document.querySelector("[data-talk]")?.dataset.unheard || "").map(([start, end]) => ({ start, end }));
  for (const { start, end } of [...utterances, ...wordless].sort((one, other) => one.start - other.start)) {
    if (start - heardUntil > SILENCE_S) silences.push([heardUntil, start]);
    heardUntil = Math.max(heardUntil, end);
  }
  const marks = window.Highlight && new Highlight();
  if (marks) CSS.highlights.set("woord", marks);

  const look = () => {
    const now = audio.currentTime;
    if (until !== null && (now >= until || audio.ended)) return next();
    const silence = until === null && skipping?.checked && silences.find(([start, end]) => now >= start && now < end);
    if (silence && Math.abs(last - silence[0]) < EDGE_S) {
      last = audio.currentTime = silence[1];
      return;
    }
    last = now;
    marks?.clear();
    for (const { id, start, end, times } of utterances) {
      const here = !audio.paused && now >= start && now < end;
      const one = document.getElementById(id);
      if (here && !one.classList.contains("heard")) bringIntoView(one);
      one.classList.toggle("heard", here);
      if (here && marks && times.length) mark(one, times.findLastIndex((time) => time <= now));
    }
  };
  const mark = (one, index) => {
    const node = one.querySelector("[data-words]")?.firstChild;
    const word = node && [...node.data.matchAll(/\S+/g)][index];
    if (!word) return;
    const range = new Range();
    range.setStart(node, word.index);
    range.setEnd(node, word.index + word[0].length);
    marks.add(range);
  };
  const frame = () => {
    look();
    if (!audio.paused) requestAnimationFrame(frame);
  };
  for (const kind of ["playing", "pause", "seeked"]) audio.addEventListener(kind, look);
  audio.addEventListener("playing", () => requestAnimationFrame(frame));
  // a tab in the background gets no frames
  audio.addEventListener("timeupdate", look);
  speed?.addEventListener("change", paced);
}
