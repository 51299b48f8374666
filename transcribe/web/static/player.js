// Plays exactly the moments of a line, one after the other, and stops.
import { bringIntoView } from "./evidence.js";
import { say } from "./problems.js";

const audio = document.querySelector("[data-player]");
let queue = [];
let until = null;
let button = null;

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
  next();
}

export function stop() {
  queue = [];
  until = null;
  button?.classList.remove("playing");
  button = null;
  audio?.pause();
}

export const playing = () => Boolean(audio && !audio.paused);

function next() {
  const span = queue.shift();
  if (!span) return stop();
  [audio.currentTime, until] = span;
  audio.play().catch((problem) => {
    // pausing a sound that had not started yet is no problem
    if (problem.name !== "AbortError") say(document.getElementById("melding").dataset.networkError);
    stop();
  });
  watch();
}

function watch() {
  if (until === null) return;
  if (audio.currentTime >= until || audio.ended) return next();
  requestAnimationFrame(watch);
}

document.addEventListener("click", (event) => {
  const one = event.target.closest?.("[data-play]");
  if (one) play(one.dataset.play, one);
});

if (audio) {
  const utterances = [...document.querySelectorAll("[data-utterance]")];
  // while the whole recording plays the words of this moment are marked
  audio.addEventListener("timeupdate", () => {
    const now = audio.currentTime;
    for (const one of utterances) {
      const [start, end] = parse(one.dataset.spans)[0];
      const here = !audio.paused && now >= start && now < end;
      if (here && until === null && !one.classList.contains("heard")) bringIntoView(one);
      one.classList.toggle("heard", here);
    }
  });
}
