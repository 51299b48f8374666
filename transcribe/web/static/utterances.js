// What was said, made ready: the server sends the words; what is the same for each of hundreds is put in here.
const MARGIN_S = 0.3; // what is played begins so much earlier: see views.py
const list = () => document.querySelector("[data-talk]");

function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = whole < 3600 ? [Math.floor(whole / 60)] : [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return [...parts, whole % 60].map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
}

function equip(one) {
  const { spans } = one.dataset;
  const time = clock(Number(spans.split("-")[0]) + MARGIN_S + 0.005);
  const button = Object.assign(document.createElement("button"), { type: "button", className: "play", textContent: time });
  button.dataset.play = spans;
  button.setAttribute("aria-label", list().dataset.listen.replace("TIJD", time));
  one.prepend(button);
  const takers = Object.assign(document.createElement("div"), { className: "takers" });
  takers.dataset.take = one.id.replace("uiting-", "");
  one.append(takers);
}

// beside what was said, as long as it is on the list of what may be missed
function mark() {
  for (const one of document.querySelectorAll(".utterance-missed")) {
    one.classList.remove("utterance-missed");
    one.querySelector("[data-missed-here]").remove();
  }
  for (const missed of document.querySelectorAll("[data-missed]")) {
    const one = document.getElementById(`uiting-${missed.dataset.missed}`);
    if (!one) continue;
    const words = Object.assign(document.createElement("p"), { className: "why", textContent: list().dataset.missedLabel });
    words.dataset.missedHere = "";
    one.classList.add("utterance-missed");
    one.querySelector("div").append(words);
  }
}

document.querySelectorAll("[data-talk] > .utterance").forEach(equip);
mark();
document.addEventListener("htmx:after:swap", () => {
  // it was recorded anew: this page has the words of before
  if (list() && !list().children.length) return location.reload();
  mark();
});
