// What is typed is kept by the server as it comes, and is on the page again after a reload. One request at a time: an
// older text never takes the place of a newer one.
import { say } from "./problems.js";

const REST_MS = 500;
const review = () => document.getElementById("review");
const base = review().dataset.base;
export const TAB = tabOfBrowser();
const waiting = new Map(); // what the server does not have yet, by tab and editor
const held = new Map(); // the tabs of which the server has something, by editor
const began = new Map(); // what stood there when the typing began, by editor
let timer = 0;
let busy = false;
let warning = null; // that nothing is kept
let missed = false; // the last try got no answer
let cut = false; // the warning is about the connection

// random, and the same after a reload; nothing of a patient
function tabOfBrowser() {
  const known = sessionStorage.getItem("tabblad") ?? crypto.getRandomValues(new Uint32Array(2)).join("-");
  sessionStorage.setItem("tabblad", known);
  return known;
}

export const dirty = (form) => {
  const area = form.querySelector("textarea");
  return area.value !== area.defaultValue;
};
// what stood there when the typing began: somebody may have put something else there since
export const origin = (form) => began.get(form.dataset.editor) ?? form.querySelector("textarea").defaultValue;
// words that would be gone with this page
export const unkept = () => [...waiting.values()].some((one) => one.tekst);

// A new line of the same section: what is typed goes there when its own line is gone.
export function addingTo(form) {
  return form.closest(".part")?.querySelector(".add form")?.dataset.editor ?? "";
}

export async function send(leaving = false) {
  clearTimeout(timer);
  if ((busy && !leaving) || !waiting.size) return;
  busy = true;
  let unanswered = false;
  for (const [key, fields] of [...waiting]) {
    const body = new URLSearchParams({ token: document.body.dataset.token, ...fields });
    const headers = { Accept: "application/json" };
    const how = { method: "POST", body, headers, keepalive: true, redirect: "manual" };
    const sending = fetch(`${base}/getypt`, how).catch(() => null);
    const answer = leaving ? null : await sending;
    if (answer?.ok && waiting.get(key) === fields) waiting.delete(key);
    if (answer) await told(answer);
    else unanswered = true;
  }
  if (unanswered && !leaving) offline();
  busy = false;
  // typed on meanwhile, or not kept: again in a moment
  if (waiting.size) timer = setTimeout(send, 3 * REST_MS);
}

function wait(fields) {
  waiting.set(`${fields.tabblad} ${fields.regel}`, fields);
  clearTimeout(timer);
  timer = setTimeout(send, REST_MS);
}

export function typed(form, text, from = form.querySelector("textarea").defaultValue) {
  const name = form.dataset.editor;
  if (!text) return dropped(name);
  if (!began.has(name)) began.set(name, from);
  held.set(name, (held.get(name) ?? new Set()).add(TAB));
  wait({ regel: name, tabblad: TAB, tekst: text, begin: began.get(name), naast: addingTo(form) });
}

// saved, or not wanted any more; what another tab holds stays, unless it was taken up here
export function dropped(name) {
  began.delete(name);
  for (const tabblad of held.get(name) ?? []) wait({ regel: name, tabblad, tekst: "" });
  held.delete(name);
}

// the server had this of before the reload, or of a tab that may be closed
export function takenUp({ typed: name, tab, began: was }) {
  held.set(name, new Set([tab]));
  if (was !== undefined) began.set(name, was);
}

async function told(answer) {
  missed = false;
  if (answer.ok) {
    if (warning?.isConnected) say(review().dataset[cut ? "online" : "keptAgain"], "ok");
    warning = null;
    cut = false;
  } else if (answer.status === 401 || (answer.status === 403 && !(await renewed()))) {
    loggedOut();
  } else if (answer.status !== 403 && !warning?.isConnected) {
    warn((await answer.json().catch(() => ({}))).error ?? document.getElementById("melding").dataset.networkError);
  }
}

// said once, when a second try brought nothing either: a moment without is no news
function offline() {
  if (missed && !warning?.isConnected) {
    warn(review().dataset.offline);
    cut = true;
  }
  missed = true;
}

function warn(text) {
  say(text);
  warning = document.querySelector("#melding .message");
}

// The words stay on the page: who logs in elsewhere goes on here.
export function loggedOut() {
  if (warning?.isConnected) return;
  const { loggedOut: text, logIn } = review().dataset;
  cut = false;
  warn(text);
  warning.append(" ", Object.assign(document.createElement("a"), { href: "/login", target: "_blank", textContent: logIn }));
}

// Somebody logged in again in another tab. What is on this page is signed with the name it was opened by, and no other.
export async function renewed() {
  const answer = await fetch("/sessie", { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return false;
  const { token, name } = await answer.json();
  const { dataset } = document.body;
  if (name !== review().dataset.name || token === dataset.token) return false;
  dataset.token = token;
  for (const field of document.querySelectorAll("input[name=token]")) field.value = token;
  return true;
}

document.addEventListener("htmx:before:request", (event) => {
  const { body } = event.detail.ctx.request;
  if (body?.has?.("token")) body.set("token", document.body.dataset.token);
});
document.addEventListener("htmx:before:response", async (event) => {
  const { status } = event.detail.ctx.response;
  // the log-in page would take these words with it
  if (status === 401 && unkept()) {
    event.preventDefault();
    loggedOut();
  }
  if (status === 403 && (await renewed())) say(review().dataset.again, "warn");
});
