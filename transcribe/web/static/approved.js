// An approved note: one key or click per part; what was copied is on record before it is on the clipboard.
import "./gate.js";
import { ready } from "./busy.js";
import { letters } from "./letters.js";
import { hush, say } from "./problems.js";

const byHand = document.querySelector("[data-by-hand]");

async function copy(form) {
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
    });
    if (answer.status === 401) return location.reload();
    const result = await answer.json();
    if (!answer.ok) return say(result.error);
    hush();
    await put(result.text);
    const tick = form.parentElement.querySelector("[data-copied]");
    tick.textContent = `✓ ${tick.dataset.text.replace("TIJD", result.at)}`;
    tick.classList.add("fresh");
    delivered();
  } catch {
    say(document.getElementById("melding").dataset.networkError);
  } finally {
    ready(form);
  }
}

// the status at the top of the page, as the server would show it now
function delivered() {
  const badge = document.querySelector(".consult-title .badge-wacht");
  if (!badge) return;
  badge.textContent = document.querySelector("[data-delivered]").dataset.delivered;
  badge.className = "badge badge-klaar";
}

async function put(text) {
  try {
    await navigator.clipboard.writeText(text);
    byHand.hidden = true;
  } catch {
    // an old browser, or a page without https: the text itself, ready to take
    const area = byHand.querySelector("textarea");
    byHand.hidden = false;
    area.value = text;
    area.focus();
    area.select();
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-copy]")) return;
  event.preventDefault();
  copy(event.target);
});
document.addEventListener("keydown", (event) => {
  if (!letters() || event.ctrlKey || event.altKey || event.metaKey || event.target.closest("textarea, input, select")) return;
  const key = CSS.escape(event.key.toLowerCase());
  const choice = document.querySelector(`[data-choose][aria-keyshortcuts="${key}"]`);
  if (choice) return choose(choice);
  const group = document.querySelector("[data-chosen]") ?? document;
  const button = group.querySelector(`button[aria-keyshortcuts="${key}"]:not([data-choose])`);
  if (!button || button.disabled) return;
  event.preventDefault();
  button.form.requestSubmit(button);
});

// several reports: a number chooses the one that the letters copy
function choose(button) {
  for (const group of document.querySelectorAll("[data-group]")) {
    const chosen = group.contains(button);
    group.toggleAttribute("data-chosen", chosen);
    group.querySelector("[data-choose]").setAttribute("aria-pressed", chosen);
  }
}
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-choose]");
  if (button) choose(button);
});
