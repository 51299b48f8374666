// A minute of one's own voice, to the server and nowhere else: recorded here, or a file that somebody has.
import { hush, say } from "./problems.js";
import { Capture, choose, offer, why } from "./record-capture.js";
import { height } from "./record-ear.js";

const RATE = 16000;
const MOST_S = 120;
const root = document.querySelector("[data-voice]");
if (root) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const button = (name) => root.querySelector(`[data-do="${name}"]`);
  const texts = Object.fromEntries(
    [...root.querySelector("template").content.children].map((one) => [one.dataset.text, one.textContent]),
  );
  const agreed = root.querySelector("[data-agreed]");
  const bar = root.querySelector("[data-level]");
  const list = root.querySelector("[data-devices]");
  const file = root.querySelector("input[type=file]");
  const worklet = new URL("record-worklet.js", import.meta.url).href;
  const here = window.isSecureContext && navigator.mediaDevices;
  let capture = null;
  let frames = [];
  let sending = false;

  const open = () => {
    const may = agreed.checked && !sending;
    button("start").disabled = !may || !here;
    button("send").disabled = !may;
    agreed.disabled = sending; // from then on it is taken back by removing the profile
  };
  const head = (text) => (part("head").textContent = text);

  async function begin() {
    const made = new Capture({ worklet, level, lost: () => (close(), say(texts.lost)) });
    hush();
    button("start").disabled = true;
    try {
      await made.open({ call: false });
      await made.awake();
    } catch (refused) {
      return say(texts[why(refused, 1)]);
    } finally {
      open();
    }
    if (!agreed.checked) return made.close(); // taken back while the browser asked for the microphone
    capture = made;
    frames = [];
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => {
      if (capture !== made || !data.pcm) return;
      frames.push(new Int16Array(data.pcm));
      part("time").textContent = `${Math.floor(frames.length / 10)} s`;
      if (frames.length >= 10 * MOST_S) finish();
    };
    made.connect(port2);
    made.turn(true);
    part("start").hidden = true;
    part("run").hidden = false;
    head(texts.read);
    part("time").textContent = "0 s";
    button("finish").focus();
    devices();
  }

  function level([one]) {
    bar.style.transform = `scaleX(${height(one)})`;
  }

  function close() {
    capture?.close();
    capture = null;
    frames = [];
    part("run").hidden = true;
    part("start").hidden = false;
  }

  function finish() {
    const sound = wav(frames);
    close();
    send(sound);
  }

  function wav(pieces) {
    const bytes = pieces.reduce((sum, one) => sum + one.byteLength, 0);
    const view = new DataView(new ArrayBuffer(44));
    const text = (at, word) => [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
    text(0, "RIFF");
    view.setUint32(4, 36 + bytes, true);
    text(8, "WAVEfmt ");
    view.setUint32(16, 16, true);
    view.setUint16(20, 1, true);
    view.setUint16(22, 1, true);
    view.setUint32(24, RATE, true);
    view.setUint32(28, 2 * RATE, true);
    view.setUint16(32, 2, true);
    view.setUint16(34, 16, true);
    text(36, "data");
    view.setUint32(40, bytes, true);
    return new Blob([view, ...pieces]);
  }

  async function send(sound) {
    if (!agreed.checked) return;
    sending = true;
    open();
    hush();
    part("busy").hidden = false;
    try {
      const answer = await fetch(`/stem/${agreed.value}`, {
        method: "PUT",
        headers: {
          "Content-Type": "application/octet-stream",
          Accept: "application/json",
          "X-CSRF-Token": document.body.dataset.token,
        },
        body: sound,
      });
      if (answer.status === 201 || answer.status === 401) return location.reload();
      say((await answer.json().catch(() => ({}))).error ?? texts["not-sent"]);
    } catch {
      say(texts["not-sent"]);
    }
    sending = false;
    part("busy").hidden = true;
    open();
  }

  function devices() {
    return offer(list, texts.standard, capture?.device);
  }

  agreed.addEventListener("change", () => {
    if (capture && !agreed.checked) close();
    open();
  });
  button("start").addEventListener("click", begin);
  button("finish").addEventListener("click", finish);
  button("stop").addEventListener("click", close);
  button("send").addEventListener("click", () => {
    const [recording] = file.files;
    if (!recording) return say(texts.empty);
    if (recording.size > Number(root.dataset.maxMb) * 1e6) return say(texts.large);
    send(recording);
  });
  if (here) {
    list.addEventListener("change", () => choose(list.value));
    navigator.mediaDevices.addEventListener("devicechange", devices);
    devices();
  } else {
    say(texts.insecure);
  }
  open();
  window.addEventListener("pagehide", close);
}
