// What a person is busy with survives a fresh page from the server: open fold-outs, unsaved text, the place of focus.
import { show } from "./edit.js";

const review = () => document.getElementById("review");
let sent = null; // the form whose answer is being shown
let kept = null;

const editors = () => review()?.querySelectorAll("form[data-editor]") ?? [];
export const dirty = (form) => {
  const area = form.querySelector("textarea");
  return area.value !== area.defaultValue;
};
export const unsaved = () => [...editors()].filter((form) => shown(form) && dirty(form));
const shown = (form) => !form.hidden && (form.closest("details")?.open ?? true);

// Actions wait for each other; each carries the version of the page as it is when its turn comes.
document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.target === review() && ctx.request.body?.has?.("versie")) {
    ctx.request.body.set("versie", review().dataset.version);
  }
});

// What is typed is kept by the server as it comes, and is on the page again after a reload. One request at a time: an
// older text never takes the place of a newer one.
const REST_MS = 500;
const base = review().dataset.base;
const waiting = new Map(); // by editor
const known = new Set(); // editors of which the server has something
let timer = 0;
let busy = false;

async function keepTyping(leaving = false) {
  clearTimeout(timer);
  if ((busy && !leaving) || !waiting.size) return;
  busy = true;
  for (const [regel, tekst] of [...waiting]) {
    const body = new URLSearchParams({ token: document.body.dataset.token, regel, tekst });
    const sending = fetch(`${base}/getypt`, { method: "POST", body, keepalive: true }).catch(() => null);
    const answer = leaving ? null : await sending;
    if (answer?.ok && waiting.get(regel) === tekst) waiting.delete(regel);
  }
  busy = false;
  // typed on meanwhile, or no network: again in a moment
  if (waiting.size) timer = setTimeout(keepTyping, 3 * REST_MS);
}

function typing(form, text) {
  const name = form.dataset.editor;
  if (!text && !known.has(name)) return;
  known.add(name);
  waiting.set(name, text);
  clearTimeout(timer);
  timer = setTimeout(keepTyping, REST_MS);
}
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-editor]");
  if (form && event.target.matches("textarea")) typing(form, dirty(form) ? event.target.value : "");
});
document.addEventListener("editor:close", (event) => typing(event.target, ""));
for (const one of document.querySelectorAll("[data-typed]")) {
  known.add(one.dataset.typed);
  const was = editor(one.dataset.typed)?.querySelector("textarea").defaultValue;
  retype({ name: one.dataset.typed, value: one.textContent, was });
}

// Leaving with words that the server does not have yet asks first, unless it sends us away: a log-out or a withdrawal.
let sentAway = false;
document.addEventListener("htmx:after:request", (event) => {
  const { hx } = event.detail.ctx;
  if (hx?.redirect || hx?.refresh) sentAway = true;
});
window.addEventListener("beforeunload", (event) => {
  // asked for before the next page is, so that it has this too
  keepTyping(true);
  if (!sentAway && waiting.size && unsaved().length) event.preventDefault();
});

document.addEventListener("htmx:before:swap", (event) => {
  if (event.detail.ctx.target !== review()) return;
  sent = event.detail.ctx.sourceElement;
  const line = document.activeElement?.closest("[data-line], [id^='vlag-']");
  kept = {
    open: [...review().querySelectorAll("details[open][id]")].map((one) => one.id),
    texts: [...editors()].filter((form) => form !== sent && shown(form)).map((form) => {
      const { value, defaultValue } = form.querySelector("textarea");
      return { name: form.dataset.editor, part: addingTo(form), value, was: defaultValue };
    }),
    scroll: review().querySelector(".note-side")?.scrollTop ?? 0,
    line: line?.id,
    order: [...review().querySelectorAll("[data-line]")].map((one) => one.id),
    action: sent?.dataset.action,
    home: sent && homeOf(sent, event.detail.ctx.request.body),
  };
});

document.addEventListener("htmx:after:swap", (event) => {
  if (!kept || event.detail.ctx.target?.id !== "review") return;
  const { open, texts, scroll, action, ...place } = kept;
  kept = null;
  for (const id of open) {
    const one = document.getElementById(id);
    // the form that was just sent has done its work
    if (one && !(sent && one.contains(sent) && action === "nieuw")) one.open = true;
  }
  if (sent?.dataset.editor) typing(sent, ""); // it is saved
  // what was saved is what the form begins with now
  if (sent?.isConnected && ["nieuw", "video", "contact"].includes(action)) sent.reset();
  for (const text of texts) retype(text);
  const note = review().querySelector(".note-side");
  if (note) note.scrollTop = scroll;
  focusAgain(action, place);
});

// A new line of the same section: what is typed goes there when its own line is gone.
function addingTo(form) {
  return form.closest(".part")?.querySelector(".add form")?.dataset.editor;
}
function editor(name) {
  return name && review().querySelector(`form[data-editor="${CSS.escape(name)}"]`);
}

function retype({ name, part, value, was }) {
  const form = editor(name);
  const goes = form ?? editor(part) ?? review().querySelector(".add form");
  const area = goes.querySelector("textarea");
  if (!form && value === was) return; // it was open, and nothing was typed
  area.value = form || !area.value ? value : `${area.value} ${value}`;
  show(goes);
  // both texts are shown: what stands there now, and what was typed
  const line = form?.closest(".line");
  if (!line || area.defaultValue === was || value === was) return;
  line.classList.add("contested");
  const now = Object.assign(document.createElement("p"), { className: "flag-text", textContent: review().dataset.contested });
  line.querySelector(".line-main").prepend(now);
}

// Somebody else was first: nothing of theirs is overwritten and nothing of ours is lost. The page becomes as it is now,
// with every open editor as it was typed, and the message stays.
document.addEventListener("htmx:after:swap", async (event) => {
  const { ctx } = event.detail;
  if (ctx.response?.status !== 409 || !ctx.sourceElement?.closest?.("#review form")) return;
  const message = [...document.getElementById("melding").childNodes];
  kept = null;
  await htmx.ajax("GET", location.pathname, { target: "#review", swap: "outerMorph" });
  document.getElementById("melding").replaceChildren(...message);
});

// Where the focus goes when the button that had it is not there any more: a selector.
function homeOf(form, body) {
  switch (form.dataset.action) {
    case "ongedaan":
    case "opnieuw-doen":
      return "form[data-action=ongedaan] button, form[data-action=opnieuw-doen] button";
    case "video":
      return "#video-wijzigen > summary";
    case "icpc":
      return `#icpc-${body.get("keuze").split("-", 2).join("-")} summary`;
    case "overdragen":
    case "terugsturen":
    case "overnemen":
      return "#wacht";
    case "samen": {
      const first = form.closest(".report").querySelector("[data-line]");
      return first && `#${first.id}`;
    }
    default:
      return null;
  }
}

// After an action focus goes to the line it was about, the next flag, or the line that took its place. It is never left
// on nothing: who works by keyboard would be back at the top of the page.
function focusAgain(action, { line: id, order, home }) {
  const active = document.activeElement;
  const kept = active !== document.body && active.checkVisibility() && !active.matches(":disabled");
  if (active.matches("textarea") && kept) return; // somebody types on
  if (kept && action !== "wijzig" && action !== "bevestig") return;
  const lines = [...review().querySelectorAll("[data-line]")];
  const flagged = lines.filter((one) => one.matches(".line-flagged"));
  const place = document.getElementById(id);
  let next = place;
  if (id?.startsWith("vlag-")) {
    next = review().querySelector("[id^='vlag-'] button, #akkoord:enabled");
  } else if (action === "bevestig") {
    const at = order.indexOf(id);
    next = flagged.find((one) => order.indexOf(one.id) > at) ?? flagged[0] ?? place;
  } else if (!place && id) {
    const at = order.indexOf(id);
    next = [...order.slice(at + 1), ...order.slice(0, at).reverse()].map((one) => document.getElementById(one)).find(Boolean);
  } else if (!place) {
    next = (home && review().querySelector(home)) ?? lines.find((one) => !order.includes(one.id));
  }
  next ??= lines[0] ?? review().querySelector(".add summary");
  next?.focus({ preventScroll: next === place });
}
