// The page by keyboard: what each key does stands in _keys.html.
import { open, show } from "./edit.js";
import { bringIntoView } from "./evidence.js";
import { filled } from "./filled.js";
import { unsettled } from "./fresh.js";
import { letters } from "./letters.js";
import { seenAll, unsaved } from "./keep.js";
import { pace, play, playing, stop } from "./player.js";
import { say } from "./problems.js";
import { move } from "./tools.js";

const lines = () => [...document.querySelectorAll("#review [data-line]")];
const current = () => document.activeElement?.closest("[data-line]");
const typing = (target) => target.closest("textarea, input:not([type=checkbox]):not([type=radio]), select, [contenteditable]");

const SAID = "[data-talk] > .utterance";
let from = null; // the line from which somebody went to what was said

function beside(all, one, by) {
  const at = all.indexOf(one);
  return all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
}

function step(by) {
  const said = document.activeElement?.closest(SAID);
  if (said) hear(beside([...document.querySelectorAll(SAID)], said, by));
  else beside(lines(), current(), by)?.focus();
}

function hear(said) {
  if (!said) return;
  bringIntoView(said);
  said.scrollIntoView({ block: "nearest" });
  said.querySelector(".play").focus({ preventScroll: true });
}

// to what the line rests on, and back
function across() {
  if (document.activeElement?.closest(SAID)) return ((from?.isConnected && from) || lines()[0])?.focus();
  from = current();
  hear((from && document.querySelector(`${SAID}.lit`)) ?? document.querySelector(SAID));
}

// what asks something, in the order of the page; round and round
function attend() {
  const from = document.activeElement;
  const all = [...document.querySelectorAll("#review .line-flagged, #review [data-attend]")];
  const next = all.find((one) => from.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING) ?? all[0];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function shift(line, up) {
  if (up ? line.previousElementSibling : line.nextElementSibling) move(line, up ? "op" : "neer");
}

// Ctrl+Z; Ctrl+Y or, as on a Mac, Shift+Cmd+Z
function backOrForth({ key, ctrlKey, metaKey, shiftKey, altKey }) {
  if (!(ctrlKey || metaKey) || altKey) return null;
  const letter = key.toLowerCase();
  if (letter === "z") return shiftKey ? "opnieuw-doen" : "ongedaan";
  return letter === "y" && !shiftKey ? "opnieuw-doen" : null;
}

const act = (line, action) => unsettled(false) || line?.querySelector(`form[data-action="${action}"]`)?.requestSubmit();

const PASSING = "form[data-action=overdragen], form[data-action=terugsturen]";
// what is typed and not saved would not be signed, and no colleague would see it
const LEAVING = `form[data-action=akkoord], ${PASSING}`;
// also when the page asked about the name: then what was typed comes from the server
const written = (form) => [...form.querySelectorAll("[name=naam], [name=bericht]")].some((one) => one.value.trim());
const guarded = (event) => {
  if (!event.target.matches?.(LEAVING)) return;
  const texts = document.getElementById("review").dataset;
  if (event.target.matches("form[data-action=akkoord]") && news()) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  const forms = [...document.querySelectorAll(`#video-form, #contact form, ${PASSING}`)];
  const form = forms.find((one) => one !== event.target && (one.matches(PASSING) ? written(one) : filled(one)));
  if (!unsaved().length && !form) return;
  unsaved().forEach(show); // also one that a fold closed
  event.preventDefault();
  event.stopImmediatePropagation();
  form?.closest("details").setAttribute("open", "");
  say(form ? texts.unsavedForm : texts.unsaved, "warn");
};
window.addEventListener("submit", guarded, true);

// Somebody else changed the text a moment ago: the first signature goes to what is new of it, and waits for another,
// which is no second click of the first.
let told = -Infinity;
function news() {
  const all = [...document.querySelectorAll("#review .unseen")];
  const now = performance.now();
  const again = now - told < 1000;
  if (all.length || again) told = now; // a hand that goes on pressing has read nothing
  if (!all.length) return again;
  for (const one of all) one.classList.replace("unseen", "unseen-told");
  seenAll();
  all[0].focus();
  all[0].scrollIntoView({ block: "center" });
  say(document.getElementById("review").dataset.news, "warn");
  return true;
}

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.isComposing) return;
  if (event.altKey && !event.ctrlKey && (key === "ArrowUp" || key === "ArrowDown") && !typing(target) && current()) {
    event.preventDefault();
    return shift(current(), key === "ArrowUp");
  }
  const back = backOrForth(event);
  if (back && !typing(target)) {
    event.preventDefault();
    if (event.repeat) return;
    // what was thrown away last comes back first
    const thrown = back === "ongedaan" && document.querySelector(".toast button");
    if (thrown) thrown.click();
    else document.querySelector(`form[data-action=${back}]`)?.requestSubmit();
    return;
  }
  if (event.altKey || event.metaKey) return;
  // a key that is held down is not a decision for each flag
  if (event.repeat && key === "Enter") return event.preventDefault();
  if (key === "Enter" && event.ctrlKey) {
    if (typing(target)) return; // there it saves the line
    const button = document.getElementById("akkoord");
    if (!button) return;
    event.preventDefault();
    if (button.disabled) (document.querySelector("#aandacht button") ?? document.querySelector("#aandacht a"))?.focus();
    else button.form.requestSubmit(button);
    return;
  }
  if (event.ctrlKey || typing(target)) return;
  const line = current();
  const onControl = target.closest("button, a, summary, input, audio");
  if (key === "Escape" && playing()) return stop();
  if (key === "Enter" && !onControl && line) {
    event.preventDefault();
    return act(line, "bevestig");
  }
  // to listen only, a line that the pointer rests on will do
  const heard = line ?? document.querySelector(".line-lit");
  if (key === " " && !onControl && heard?.dataset.spans) {
    event.preventDefault();
    return play(heard.dataset.spans, heard.querySelector("[data-play]"));
  }
  if (key === "Delete" && !event.repeat && target.closest("[data-missed]")) {
    event.preventDefault();
    return target.closest("[data-missed]").querySelector("form[data-action=hoeft-niet]").requestSubmit();
  }
  if (key === "Delete" && !onControl && line) {
    event.preventDefault();
    return act(line, "verwijder");
  }
  if (!letters()) return;
  const taken = target.closest("li:has(> .takers)")?.querySelector(`.takers button[value$="-${key.toUpperCase()}"]`);
  if (taken && "soep".includes(key)) {
    event.preventDefault();
    if (!event.repeat) taken.click();
  } else if (key === "j" || key === "k") {
    event.preventDefault();
    step(key === "j" ? 1 : -1);
  } else if (key === "n") {
    event.preventDefault();
    attend();
  } else if (key === "g") {
    event.preventDefault();
    across();
  } else if (key === "+" || key === "-") {
    event.preventDefault();
    pace(key === "+" ? 1 : -1);
  } else if (key === "i") {
    event.preventDefault();
    if (!event.repeat) document.querySelector("form[data-action=overnemen]")?.requestSubmit();
  } else if (key === "e" && line) {
    event.preventDefault();
    open(line.dataset.line);
  } else if (line && !event.repeat && (key === "m" || (event.shiftKey && "SOEP".includes(key)))) {
    event.preventDefault();
    if (key !== "m") move(line, key);
    else if (line.nextElementSibling) move(line, "samen");
  }
});
