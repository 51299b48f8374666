// An approved note: one key or click per part. A copy is on record when the text is on the clipboard, or was taken by hand.
import "./gate.js";
import { ready } from "./busy.js";
import { letters } from "./letters.js";
import { hush, say } from "./problems.js";

const byHand = document.querySelector("[data-by-hand]");
const texts = document.querySelector("[data-delivered]")?.dataset;
let taking = null; // the form whose text is taken by hand

async function ask(form, address) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams(new FormData(form)),
  });
  if (answer.status === 401) return location.reload();
  const result = await answer.json();
  if (answer.ok) return result;
  // 409: another text was signed, or none is; what stands here is of before
  say(result.error, "error", answer.status === 409 ? { to: location.pathname, text: texts.now } : null);
}

async function copy(form) {
  try {
    const found = await ask(form, `${form.action}/tekst`);
    if (!found) return;
    hush();
    if (await put(found.text)) await record(form);
    else offer(form, found.text);
  } catch {
    say(document.getElementById("melding").dataset.networkError);
  } finally {
    ready(form);
  }
}

async function record(form) {
  const result = await ask(form, form.action).catch(() => say(texts.notRecorded));
  if (!result) return;
  const tick = form.parentElement.querySelector("[data-copied]");
  tick.textContent = `✓ ${tick.dataset.text.replace("TIJD", result.at)}`;
  tick.classList.add("fresh");
  delivered();
  seen(result.version);
}

// this page shows it; when something was copied elsewhere before it, the page is fetched anew
function seen(version) {
  const standing = document.querySelector("[data-standing]");
  const address = standing.getAttribute("hx-get");
  if (address.endsWith(`/${version - 1}`)) standing.setAttribute("hx-get", address.replace(/\d+$/, version));
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
    return true;
  } catch {
    return false;
  }
}

// an old browser, or a page without https: the text itself, ready to take
function offer(form, text) {
  const area = byHand.querySelector("textarea");
  taking = form;
  byHand.hidden = false;
  area.value = text;
  area.focus();
  area.select();
}
byHand?.querySelector("[data-taken]").addEventListener("click", async () => {
  byHand.hidden = true;
  await record(taking);
});

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
  if (event.repeat) return; // a key that is held down is one copy
  button.form.requestSubmit(button);
});

// words that were typed elsewhere and not saved when it was signed
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-drop]");
  if (!button) return;
  const fields = { token: document.body.dataset.token, regel: button.dataset.drop, tabblad: button.dataset.tab, tekst: "" };
  const answer = await fetch(`${location.pathname}/getypt`, { method: "POST", body: new URLSearchParams(fields) }).catch(() => null);
  if (!answer?.ok) return say(document.getElementById("melding").dataset.networkError);
  const list = button.closest("ul");
  button.closest("li").remove();
  if (!list.children.length) document.getElementById("getypt").remove();
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
