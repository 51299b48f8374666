// A quiet drawing of the recording, made by the server: where there is sound, what a line rests on, what was played.
// The control beside it does the same by keyboard and for a screen reader; this is for the eye and the mouse.
import { stop } from "./player.js";

const canvas = document.querySelector("[data-wave]");
const audio = document.querySelector("[data-player]");
const BAR = 2; // pixels: one of sound, one of air

if (canvas && audio) {
  const whole = Number(canvas.dataset.seconds);
  let loud = null;
  let lit = [];

  const draw = () => {
    const { width, height } = canvas.getBoundingClientRect();
    if (!loud || !width) return;
    const sharp = window.devicePixelRatio || 1;
    canvas.width = width * sharp;
    canvas.height = height * sharp;
    const pen = canvas.getContext("2d");
    pen.scale(sharp, sharp);
    const colour = (name) => getComputedStyle(canvas).getPropertyValue(name);
    pen.fillStyle = colour("--lit");
    for (const [start, end] of lit) pen.fillRect((start / whole) * width, 0, Math.max(((end - start) / whole) * width, 2), height);
    const played = (audio.currentTime / whole) * width;
    const [heard, still] = [colour("--accent"), colour("--edge")];
    const bars = Math.floor(width / BAR);
    for (let bar = 0; bar < bars; bar++) {
      const from = Math.floor((bar / bars) * loud.length);
      const to = Math.max(from + 1, Math.floor(((bar + 1) / bars) * loud.length));
      const tall = Math.max(1, (Math.max(...loud.subarray(from, to)) / 255) * (height - 4));
      pen.fillStyle = bar * BAR < played ? heard : still;
      pen.fillRect(bar * BAR, (height - tall) / 2, 1, tall);
    }
    if (played > 0) pen.fillRect(played, 0, 1, height);
  };

  fetch(canvas.dataset.wave)
    .then((answer) => (answer.ok ? answer.arrayBuffer() : null))
    .then((found) => {
      if (!found) return;
      loud = new Uint8Array(found);
      canvas.hidden = false;
      draw();
    })
    .catch(() => {}); // only a drawing: whatever is wrong shows when somebody listens
  for (const kind of ["timeupdate", "seeked", "pause"]) audio.addEventListener(kind, draw);
  document.addEventListener("line:lit", (event) => {
    lit = event.detail.split(" ").filter(Boolean).map((span) => span.split("-").map(Number));
    draw();
  });
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  canvas.addEventListener("click", (event) => {
    stop();
    audio.currentTime = (event.offsetX / canvas.clientWidth) * whole;
    audio.play().catch(() => {}); // the control says why not
  });
}
