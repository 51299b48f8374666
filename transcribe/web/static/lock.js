// The screen of a recording that nobody touched: all of the page is taken out of the document but its recorder, and put
// back as it was when it is unlocked. So the rest can't be found, printed or saved, and nothing that was typed is lost.
import { ready } from "./busy.js";

const LOOK_MS = 3000;
let away = null; // what was on the screen, and what comes back where

export function shut(...stays) {
  if (away) return;
  const rest = document.createDocumentFragment();
  const screen = document.createElement("main");
  screen.append(document.getElementById("slot").content.cloneNode(true));
  const places = stays.map((one) => {
    const mark = document.createComment("");
    one.replaceWith(mark);
    return [mark, one];
  });
  away = { rest, screen, places, focus: document.activeElement, scroll: window.scrollY };
  rest.append(...document.body.childNodes);
  document.body.append(screen);
  for (const one of stays) screen.querySelector("[data-lock-recorder]").append(one);
  const { token } = document.body.dataset;
  for (const field of screen.querySelectorAll("input[name=token]")) field.value = token;
  screen.querySelector("input[type=password], a")?.focus();
}

// whoever it was opened by; somebody else gets a page of their own
export function opened({ token, name }) {
  if (!away) return;
  const { rest, screen, places, focus, scroll } = away;
  if (name !== screen.querySelector("[data-lock]").dataset.lockName) {
    document.dispatchEvent(new Event("session:leave"));
    document.body.replaceChildren();
    location.reload();
    return;
  }
  away = null;
  for (const [mark, one] of places) mark.replaceWith(one);
  screen.remove();
  document.body.append(rest);
  document.body.dataset.token = token;
  for (const field of document.querySelectorAll("input[name=token]")) field.value = token;
  // what refreshes itself gave up when it was not on the page
  for (const one of document.querySelectorAll("[hx-trigger*='every']")) htmx.process(one, true);
  focus?.focus?.({ preventScroll: true });
  window.scrollTo(0, scroll);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-unlock]")) return;
  event.preventDefault();
  const problem = form.closest("[data-lock]").querySelector("[data-lock-problem]");
  const how = { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } };
  const answer = await fetch(form.action, how).catch(() => null);
  ready(form);
  const { error } = answer?.ok ? {} : (await answer?.json().catch(() => null)) ?? {};
  problem.hidden = answer?.ok ?? false;
  problem.textContent = answer ? (error ?? "") : form.closest("[data-lock]").dataset.away;
  form.querySelector("input[type=password]").value = "";
  if (answer?.ok || answer?.status === 401) document.dispatchEvent(new Event("session:look"));
});

// The page of the lock itself, after a reload or in another tab: it leads on when it was unlocked, here or elsewhere.
const whole = away ? null : document.querySelector("[data-lock]");
if (whole) {
  const look = async () => {
    const answer = await fetch("/sessie", { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer) return;
    const over = answer.status === 401 && !(await answer.json().catch(() => ({}))).locked;
    if (!answer.ok && !over) return;
    document.dispatchEvent(new Event("session:leave"));
    location.assign(whole.dataset.lock);
  };
  document.addEventListener("session:look", look);
  setInterval(look, LOOK_MS);
}
