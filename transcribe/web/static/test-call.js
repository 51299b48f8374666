// A talk to try the sound with: ten seconds from the microphone, and of a shared call, measured here and forgotten.
import { hush, say } from "./problems.js";
import { Capture, choose, offer, why } from "./record-capture.js";
import { height } from "./record-ear.js";
import { verdicts } from "./test-verdict.js";

const SECONDS = 10;
const QUIET_S = 3; // at the end: noise is measured where nobody speaks
const root = document.querySelector("[data-test-call]");
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const button = (name) => root.querySelector(`[data-do="${name}"]`);
const bars = [...root.querySelectorAll("[data-level]")];
const list = root.querySelector("[data-devices]");
const texts = Object.fromEntries(
  [...root.querySelector("template").content.children].map((one) => [one.dataset.text, one.textContent]),
);
const limits = Object.fromEntries(["soft", "noisy", "clipped", "narrow"].map((name) => [name, Number(root.dataset[name])]));
const worklet = new URL("record-worklet.js", import.meta.url).href;
let capture = null;

if (window.isSecureContext && navigator.mediaDevices) {
  button("start").disabled = false;
  button("start").addEventListener("click", begin);
  button("stop").addEventListener("click", over);
  list.addEventListener("change", () => choose(list.value));
  navigator.mediaDevices.addEventListener("devicechange", devices);
  devices();
} else {
  say(texts.insecure);
}

async function begin() {
  const channels = root.querySelector("input[name=layout]:checked").value === "huisarts-links" ? 2 : 1;
  const made = new Capture({ worklet, level, lost: () => (over(), say(texts.lost)) });
  hush();
  button("start").disabled = true;
  try {
    await made.open({ call: channels === 2 });
    await made.awake();
  } catch (refused) {
    return say(texts[why(refused, channels)]);
  } finally {
    button("start").disabled = false;
  }
  capture = made;
  const frames = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => {
    if (capture !== made || !data.pcm) return;
    frames.push(new Int16Array(data.pcm));
    tick(SECONDS - frames.length / 10);
    if (frames.length < 10 * SECONDS) return;
    over();
    show(verdicts(frames, channels, limits));
  };
  made.connect(port2);
  made.turn(true);
  part("result").replaceChildren();
  part("start").hidden = true;
  part("run").hidden = false;
  part("levels").classList.toggle("named", channels > 1);
  bars.forEach((bar, i) => (bar.closest(".level").hidden = i >= channels));
  tick(SECONDS);
  button("stop").focus();
  devices();
}

function over() {
  if (!capture) return;
  capture.close();
  capture = null;
  part("run").hidden = true;
  part("start").hidden = false;
  button("start").textContent = texts.again;
}

function tick(left) {
  const text = left > QUIET_S ? texts.talk : texts.hush;
  if (part("head").textContent !== text) part("head").textContent = text; // said aloud each time it is set
  part("time").textContent = `${Math.ceil(left)} s`;
}

function level(levels) {
  levels.forEach((one, i) => (bars[i].style.transform = `scaleX(${height(one)})`));
}

function show(found) {
  const rows = found.map(({ side, faults, figures }) => {
    const row = document.createElement("div");
    const good = !faults.length;
    row.className = `message message-${good ? "ok" : "warn"}`;
    row.dataset.side = side;
    for (const name of good ? ["good"] : faults) row.append(paragraph(texts[`${side}-${name}`]));
    const { level_db: speech, noise_db: noise } = figures;
    if (speech !== null && noise !== null) {
      row.append(paragraph(texts.figures.replace("{level}", Math.round(speech)).replace("{noise}", Math.round(noise))));
    }
    return row;
  });
  part("result").replaceChildren(...rows);
  part("result").focus();
}

function paragraph(text) {
  return Object.assign(document.createElement("p"), { textContent: text });
}

function devices() {
  return offer(list, texts.standard, capture?.device);
}

window.addEventListener("pagehide", over);
