// Where a line comes from: hover or focus it and its utterances light up beside it.
const HOVER_MS = 140;
const narrow = matchMedia("(max-width: 47.99rem)"); // one column: the conversation is far below
let timer = 0;
let shownLine = null;

function light(line) {
  if (line === shownLine && line?.isConnected) return;
  shownLine = line;
  for (const one of document.querySelectorAll(".source-below")) one.remove();
  for (const one of document.querySelectorAll(".lit, .line-lit")) one.classList.remove("lit", "line-lit");
  document.dispatchEvent(new CustomEvent("line:lit", { detail: line?.dataset.spans ?? "" }));
  if (!line) return;
  line.classList.add("line-lit");
  const sources = line.dataset.evidence
    .split(" ")
    .filter(Boolean)
    .map((index) => document.getElementById(`uiting-${index}`))
    .filter(Boolean);
  for (const one of sources) one.classList.add("lit");
  if (sources.length) bringIntoView(sources[0]);
  if (narrow.matches) showBelow(line, sources);
}

// right below the line, with the buttons to play it
function showBelow(line, sources) {
  const copies = sources.map((source) => {
    const copy = source.cloneNode(true);
    copy.removeAttribute("id");
    copy.querySelector(".takers")?.remove();
    return copy;
  });
  if (!copies.length) return;
  const below = Object.assign(document.createElement("ol"), { className: "source-below" });
  below.append(...copies);
  line.append(below);
}

// only the conversation scrolls, never the page: on a phone the two stand below each other
export function bringIntoView(utterance) {
  const list = utterance.closest(".utterances");
  if (!list || list.scrollHeight <= list.clientHeight) return;
  const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const top = utterance.offsetTop - list.offsetTop - list.clientHeight / 3;
  list.scrollTo({ top, behavior: quiet ? "auto" : "smooth" });
}

const lineOf = (target) => {
  const line = target.closest?.("[data-evidence]");
  if (line) return line;
  const flag = target.closest?.("[id^='vlag-']");
  return flag ? document.getElementById(flag.id.replace("vlag-", "regel-")) : null;
};

document.addEventListener("focusin", (event) => {
  const line = lineOf(event.target);
  if (line) light(line);
});
document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  const line = lineOf(event.target);
  clearTimeout(timer);
  if (line) timer = setTimeout(() => light(line), HOVER_MS);
});
// links inside the page go to the line or the utterance itself
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#regel-'], a[href^='#uiting-']");
  if (!link) return;
  event.preventDefault();
  const target = document.getElementById(link.hash.slice(1));
  if (target.matches("[data-line]")) return target.focus();
  light(null);
  target.classList.add("lit");
  bringIntoView(target);
  target.scrollIntoView({ block: "nearest" });
  target.querySelector(".play").focus({ preventScroll: true });
});
// by touch there is no hover: what was said shows where it can be put when it is touched
document.addEventListener("click", (event) => {
  const one = event.target.closest?.(".utterances > .utterance");
  if (!one || event.pointerType !== "touch" || event.target.closest("button, a")) return;
  light(null);
  one.classList.add("lit");
});
document.addEventListener("htmx:after:swap", () => {
  const line = shownLine?.isConnected ? shownLine : null;
  shownLine = null;
  light(line);
});
