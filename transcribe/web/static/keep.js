// What a person is busy with survives a fresh page from the server: open fold-outs, unsaved text, the place of focus.
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

// Leaving with half a sentence typed asks first, unless the server sends us away: a log-out or a withdrawal.
let sentAway = false;
document.addEventListener("htmx:after:request", (event) => {
  const { hx } = event.detail.ctx;
  if (hx?.redirect || hx?.refresh) sentAway = true;
});
window.addEventListener("beforeunload", (event) => {
  if (!sentAway && unsaved().length) event.preventDefault();
});

document.addEventListener("htmx:before:swap", (event) => {
  if (event.detail.ctx.target !== review()) return;
  sent = event.detail.ctx.sourceElement;
  const line = document.activeElement?.closest("[data-line], [id^='vlag-']");
  kept = {
    open: [...review().querySelectorAll("details[open][id]")].map((one) => one.id),
    texts: [...editors()]
      .filter((form) => form !== sent && shown(form))
      .map((form) => [form.dataset.editor, form.querySelector("textarea").value]),
    scroll: review().querySelector(".note-side")?.scrollTop ?? 0,
    line: line?.id,
    order: [...review().querySelectorAll("[data-line]")].map((one) => one.id),
    action: sent?.dataset.action,
  };
});

document.addEventListener("htmx:after:swap", (event) => {
  if (!kept || event.detail.ctx.target?.id !== "review") return;
  const { open, texts, scroll, line, order, action } = kept;
  kept = null;
  for (const id of open) {
    const one = document.getElementById(id);
    // the form that was just sent has done its work
    if (one && !(sent && one.contains(sent) && action === "nieuw")) one.open = true;
  }
  if (sent?.isConnected && action === "nieuw") sent.reset();
  for (const [name, text] of texts) {
    const form = review().querySelector(`form[data-editor="${CSS.escape(name)}"]`);
    if (!form) continue;
    form.querySelector("textarea").value = text;
    form.dispatchEvent(new CustomEvent("editor:open", { bubbles: true }));
  }
  const note = review().querySelector(".note-side");
  if (note) note.scrollTop = scroll;
  focusAgain(line, order, action);
});

// After an action focus goes to the line it was about, the next flag, or the line that took its place.
function focusAgain(id, order, action) {
  const active = document.activeElement;
  const kept = active !== document.body && active.checkVisibility();
  if (active.matches("textarea") && kept) return; // somebody types on
  if (kept && action !== "wijzig" && action !== "bevestig") return;
  const flagged = [...review().querySelectorAll(".line-flagged")];
  if (id?.startsWith("vlag-")) {
    const left = review().querySelector("[id^='vlag-'] button") ?? document.getElementById("akkoord");
    left?.focus({ preventScroll: true });
    return;
  }
  const at = order.indexOf(id);
  const place = document.getElementById(id);
  let next = place;
  if (action === "bevestig") {
    next = flagged.find((one) => order.indexOf(one.id) > at) ?? flagged[0] ?? place;
  } else if (!place) {
    next = [...order.slice(at + 1), ...order.slice(0, Math.max(at, 0)).reverse()]
      .map((one) => document.getElementById(one))
      .find(Boolean);
  }
  next?.focus({ preventScroll: next === place });
}
