// A line is edited where it stands: Enter saves, Esc leaves it as it was.
import { move, offer } from "./tools.js";

const formOf = (id) => document.querySelector(`form[data-editor="${CSS.escape(id)}"]`);

export function show(form) {
  form.hidden = false;
  const line = form.closest(".line");
  line?.classList.add("editing");
  if (line) offer(line);
  const fold = form.closest("details");
  if (fold) fold.open = true;
}

export function open(id) {
  const form = formOf(id);
  if (!form) return;
  show(form);
  const area = form.querySelector("textarea");
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}

function close(form) {
  const { value, defaultValue } = form.querySelector("textarea");
  form.reset();
  const text = value === defaultValue ? "" : value;
  form.dispatchEvent(new CustomEvent("editor:close", { bubbles: true, detail: { text } }));
  const line = form.closest(".line");
  if (line) {
    form.hidden = true;
    line.classList.remove("editing");
    line.focus();
  } else {
    const fold = form.closest("details");
    fold.open = false;
    fold.querySelector("summary").focus();
  }
}

// What is before the cursor and what is after it become two lines. The editor keeps it all until the server has it.
document.addEventListener("htmx:before:request", (event) => {
  const { body } = event.detail.ctx.request;
  if (!body?.has?.("splits")) return;
  event.detail.ctx.sourceElement.querySelector("textarea").readOnly = true; // until it is two
  const text = body.get("tekst");
  body.set("tekst", text.slice(0, body.get("splits")));
  body.set("rest", text.slice(body.get("splits")));
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-edit]");
  if (button) open(button.dataset.edit);
  const splitter = event.target.closest?.("[name=splits]");
  if (splitter) {
    const area = splitter.form.querySelector("textarea");
    const at = (splitter.value = area.selectionStart);
    if (!area.value.slice(0, at).trim() || !area.value.slice(at).trim()) {
      event.preventDefault(); // one of the two would be empty
      area.focus();
    }
  }
  const cancel = event.target.closest?.("[data-cancel]");
  if (cancel) close(cancel.form);
  const mover = event.target.closest?.("[data-move]");
  if (mover) {
    // a line that goes elsewhere takes no open editor along, unless something is typed in it
    const area = mover.form.querySelector("textarea");
    const line = mover.closest(".line");
    if (area.value === area.defaultValue) close(mover.form);
    move(line, mover.dataset.move);
  }
});
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.add[open]") && !event.target.contains(document.activeElement?.closest("textarea"))) {
    event.target.querySelector("textarea").focus();
  }
}, true);
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form[data-editor]");
  if (!form || event.isComposing) return;
  if (event.key === "Enter" && event.altKey) {
    event.preventDefault();
    event.stopPropagation();
    form.querySelector("[name=splits]")?.click();
  } else if (event.key === "Enter" && !event.shiftKey && event.target.matches("textarea")) {
    event.preventDefault();
    event.stopPropagation();
    form.requestSubmit();
  } else if (event.key === "Escape") {
    event.preventDefault();
    event.stopPropagation();
    close(form);
  }
}, true);
document.addEventListener("htmx:finally:request", (event) => {
  const area = event.detail.ctx.sourceElement.querySelector?.("textarea");
  if (area?.readOnly) area.readOnly = false;
});
// the server's answer shows the line as it is now: the editor that was sent goes back in its place
document.addEventListener("htmx:after:swap", () => {
  for (const line of document.querySelectorAll(".line.editing")) {
    if (line.querySelector("form[data-editor]").hidden) line.classList.remove("editing");
  }
});
