// What a person is busy with survives a fresh page from the server: open fold-outs, unsaved text, the place of focus.
import { open, show } from "./edit.js";
import { settle, stay } from "./fresh.js";
import { TAB, addingTo, dirty, dropped, origin, send, takenUp, typed, unkept } from "./typing.js";

const review = () => document.getElementById("review");
let sent = null; // the form whose answer is being shown
let kept = null;

const editors = () => review()?.querySelectorAll("form[data-editor]") ?? [];
const shown = (form) => !form.hidden && (form.closest("details")?.open ?? true);
export const unsaved = () => [...editors()].filter(dirty);

// Actions wait for each other; each carries the version of the page as it is when its turn comes.
document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.target === review() && ctx.request.body?.has?.("versie")) {
    ctx.request.body.set("versie", review().dataset.version);
  }
});

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-editor]");
  if (form && event.target.matches("textarea")) typed(form, dirty(form) ? event.target.value : "");
});
document.addEventListener("editor:close", (event) => dropped(event.target.dataset.editor));

// what this person typed before: in this tab, or in another one that may be closed
const texts = [...document.querySelectorAll("[data-typed]")];
let busyWith = null;
for (const name of new Set(texts.map((one) => one.dataset.typed))) {
  const all = texts.filter((one) => one.dataset.typed === name);
  const mine = all.find((one) => one.dataset.tab === TAB) ?? all.at(-1);
  const value = mine.textContent;
  takenUp(mine.dataset);
  if (editor(name)?.querySelector("textarea").defaultValue === value) {
    dropped(name); // it was saved after all
    continue;
  }
  const form = retype({ name, part: mine.dataset.beside, value, was: mine.dataset.began });
  if (mine.dataset.tab === TAB) busyWith = form.querySelector("textarea");
  for (const other of all) {
    if (other.textContent === value) continue;
    beside(form, review().dataset.elsewhere, other.textContent);
  }
}

// after a reload in the middle of a sentence the next letter belongs to it, and is no command
if (busyWith && document.activeElement === document.body) {
  busyWith.focus();
  busyWith.setSelectionRange(busyWith.value.length, busyWith.value.length);
}

// Leaving with words that the server does not have yet asks first, unless it sends us away: a log-out or a withdrawal.
let sentAway = false;
document.addEventListener("htmx:after:request", (event) => {
  const { hx } = event.detail.ctx;
  if (hx?.redirect || hx?.refresh) sentAway = true;
});
// the page that comes shows what was typed: the server has it first
document.addEventListener("htmx:before:response", async (event) => {
  if (!event.detail.ctx.hx?.refresh || !unkept()) return;
  event.preventDefault();
  sentAway = true;
  await send();
  location.reload();
});
window.addEventListener("beforeunload", (event) => {
  const losing = !sentAway && unkept() && unsaved().length;
  // asked for before the next page is, so that it has this too; another tab may have dropped it meanwhile
  for (const form of unsaved()) if (!form.hasAttribute("aria-busy")) typed(form, form.querySelector("textarea").value);
  send(true);
  if (losing) event.preventDefault();
});

document.addEventListener("htmx:before:swap", (event) => {
  if (event.detail.ctx.target !== review()) return;
  sent = event.detail.ctx.sourceElement;
  const line = document.activeElement?.closest("[data-line], [id^='vlag-']");
  kept = {
    open: [...review().querySelectorAll("details[open][id]")].map((one) => one.id),
    texts: [...editors()].filter((form) => form !== sent && (shown(form) || dirty(form))).map((form) => {
      const { value } = form.querySelector("textarea");
      return { name: form.dataset.editor, part: addingTo(form), value, was: origin(form) };
    }),
    more: sent?.dataset.editor && typedOn(sent, event.detail.ctx.request.body),
    scroll: review().querySelector(".note-side")?.scrollTop ?? 0,
    line: line?.id,
    top: Boolean(document.activeElement?.closest("#aandacht")),
    order: [...review().querySelectorAll("[data-line]")].map((one) => one.id),
    action: sent?.dataset.action,
    home: sent && homeOf(sent, event.detail.ctx.request.body),
  };
});

document.addEventListener("htmx:after:swap", (event) => {
  if (!kept || event.detail.ctx.target?.id !== "review") return;
  const { open, texts, more, scroll, action, ...place } = kept;
  kept = null;
  for (const id of open) {
    const one = document.getElementById(id);
    // the form that was just sent has done its work
    if (one && !(sent && one.contains(sent) && action === "nieuw")) one.open = true;
  }
  if (sent?.dataset.editor) dropped(sent.dataset.editor); // it is saved
  // what was saved is what the form begins with now
  if (sent?.isConnected && ["wijzig", "nieuw", "video", "contact"].includes(action)) sent.reset();
  if (more) goOn(more);
  for (const text of texts) retype(text);
  const note = review().querySelector(".note-side");
  if (note) note.scrollTop = scroll;
  focusAgain(action, place);
  if (action === "verwijder") removed();
  settle();
});

// A tap beside the mark takes a whole line away, an Esc a long text: it says so, where the thumb is, until the next action.
function removed() {
  if (!review().querySelector("#ongedaan button")) return;
  const { removed: text, undo } = review().dataset;
  toast(text, undo, () => document.querySelector("#ongedaan button")?.click());
}
const TOLD_MS = 15_000;
const WORTH = 12; // letters: fewer are typed again sooner than they are brought back
document.addEventListener("editor:close", ({ target: form, detail }) => {
  const { thrown, goOn: label } = review().dataset;
  if (!detail?.text || detail.text.length < WORTH) return;
  const name = form.dataset.editor;
  toast(thrown, label, () => {
    const again = editor(name);
    if (!again) return;
    again.querySelector("textarea").value = detail.text;
    typed(again, detail.text);
    open(name);
  });
});
function toast(text, label, act) {
  document.querySelector(".toast")?.remove();
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
  const said = Object.assign(document.createElement("p"), { className: "toast", textContent: `${text} ` });
  said.setAttribute("role", "status");
  said.append(button);
  button.addEventListener("click", () => {
    said.remove();
    act();
  });
  document.getElementById("melding").after(said);
  setTimeout(() => said.remove(), TOLD_MS);
}
document.addEventListener("htmx:before:swap", (event) => {
  if (event.detail.ctx.target === review()) document.querySelector(".toast")?.remove();
}, true);

// Typed on while the first words were on their way: what they were saved as is no more than the beginning.
function typedOn(form, body) {
  const area = form.querySelector("textarea");
  const { value, selectionStart: at } = area;
  const said = body.get("tekst") + (body.get("rest") ?? "");
  if (value === said || !dirty(form) || !shown(form)) return null;
  return { name: form.dataset.editor, said, value, at, focused: document.activeElement === area };
}

function goOn({ name, said, value, at, focused }) {
  const form = editor(name);
  const area = form?.querySelector("textarea");
  if (!area) return retype({ name, value, was: said });
  // a new line stands there now: what came after it is another one
  const skip = !area.defaultValue && value.startsWith(said) ? value.length - value.slice(said.length).trimStart().length : 0;
  area.value = value.slice(skip);
  if (!dirty(form)) return;
  show(form);
  typed(form, area.value);
  if (!focused) return;
  area.focus();
  area.setSelectionRange(Math.max(at - skip, 0), Math.max(at - skip, 0));
}

function editor(name) {
  return name && review().querySelector(`form[data-editor="${CSS.escape(name)}"]`);
}

function retype({ name, part, value, was }) {
  const form = editor(name);
  const goes = form ?? editor(part) ?? review().querySelector(".add form");
  const area = goes.querySelector("textarea");
  if (!form && value === was) return goes; // it was open, and nothing was typed
  if (!form || area.value !== value) area.value = form || !area.value ? value : `${area.value} ${value}`;
  show(goes);
  if (!form) {
    dropped(name);
    typed(goes, area.value);
    beside(goes, review().dataset.gone, "");
  }
  // both texts are shown: what stands there now, and what was typed
  const line = form?.closest(".line");
  if (!line || area.defaultValue === (was ?? area.defaultValue) || value === was) return goes;
  line.classList.add("contested");
  const now = Object.assign(document.createElement("p"), { className: "flag-text", textContent: review().dataset.contested });
  line.querySelector(".line-main").prepend(now);
  return goes;
}

// words of another tab, below those of this one
function beside(form, title, text) {
  const note = Object.assign(document.createElement("p"), { className: "flag-text", textContent: `${title} ${text}` });
  form.querySelector("textarea").after(note);
}

// Somebody else was first: nothing of theirs is overwritten and nothing of ours is lost. The page becomes as it is now,
// with every open editor as it was typed, and the message stays.
document.addEventListener("htmx:after:swap", async (event) => {
  const { ctx } = event.detail;
  if (ctx.response?.status !== 409 || !ctx.sourceElement?.closest?.("#review form")) return;
  const message = [...document.getElementById("melding").childNodes];
  const before = standing();
  const copy = document.getElementById("kopie").textContent;
  kept = null;
  await htmx.ajax("GET", location.pathname, { target: "#review", swap: "outerMorph" });
  if (!review()) return;
  document.getElementById("melding").replaceChildren(...message);
  // what is another text than this person saw says so, and is looked at before it is signed: see keys.js
  const now = standing();
  for (const [id, text] of now) if (before.get(id) !== text) fresh.add(id);
  const moved = [...now.keys()].some((id) => fresh.has(id));
  const gone = [...before.keys()].some((id) => !now.has(id));
  const other = document.getElementById("kopie").textContent !== copy;
  if (gone || (other && !moved)) fresh.add("kopie");
  remark();
  settle();
  stay();
});

// What somebody else changed since this person last saw the page whole: lines by their id, or the text to be copied.
// An answer to something else must not take the mark away.
const fresh = new Set();
export const seenAll = () => fresh.clear();
const standing = () =>
  new Map([...review().querySelectorAll("[data-line]")].map((line) => [line.id, `${placeOf(line)} ${textOf(line)}`]));
const placeOf = (line) => line.closest(".part").getAttribute("aria-labelledby"); // its report and section
const textOf = (line) => line.querySelector("[data-text]").textContent;
function remark() {
  for (const id of fresh) {
    const one = document.getElementById(id);
    if (!one || one.classList.contains("unseen")) continue;
    one.classList.add("unseen");
    const told = Object.assign(document.createElement("p"), { className: "flag-text", textContent: review().dataset.unseen });
    one.querySelector(".line-main")?.append(told);
  }
}
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.target?.id !== "review" || !review()) return;
  const { sourceElement, response } = event.detail.ctx;
  // whoever changed or confirmed it has seen it
  if (response?.status < 400) fresh.delete(sourceElement?.closest?.("[data-line]")?.id);
  remark();
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

// After an action focus goes to the line it was about, or the line that took its place; from the list on top to what that
// says now. It is never left on nothing: who works by keyboard would be back at the top of the page. Nor does it ever go
// to a button by itself: an Enter too many would be a decision.
function focusAgain(action, { line: id, top, order, home }) {
  const active = document.activeElement;
  const kept = active !== document.body && active.checkVisibility() && !active.matches(":disabled");
  if (active.matches("textarea") && kept) return; // somebody types on
  if (kept && action !== "wijzig") return;
  const lines = [...review().querySelectorAll("[data-line]")];
  const place = document.getElementById(id);
  let next = place;
  if (action === "neem-over") {
    next = lines.find((one) => !order.includes(one.id)); // the line that was made of it
  } else if (top) {
    next = document.getElementById("h-aandacht") ?? document.getElementById("akkoord-uitleg");
  } else if (!place && id) {
    const at = order.indexOf(id);
    next = [...order.slice(at + 1), ...order.slice(0, at).reverse()].map((one) => document.getElementById(one)).find(Boolean);
  } else if (!place) {
    next = (home && review().querySelector(home)) ?? lines.find((one) => !order.includes(one.id));
  }
  next ??= lines[0] ?? review().querySelector(".add summary");
  next?.focus({ preventScroll: next === place });
  stay();
}
