// A line is edited where it stands: Enter saves, Esc leaves it as it was.
const formOf = (id) => document.querySelector(`form[data-editor="${CSS.escape(id)}"]`);

function show(form) {
  form.hidden = false;
  form.closest(".line")?.classList.add("editing");
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
  form.reset();
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

document.addEventListener("editor:open", (event) => show(event.target));
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-edit]");
  if (button) open(button.dataset.edit);
  const cancel = event.target.closest?.("[data-cancel]");
  if (cancel) close(cancel.form);
  // a line that goes elsewhere takes no open editor along, unless something is typed in it
  const editor = event.target.closest?.("[form=verplaats]")?.closest("form[data-editor]");
  const area = editor?.querySelector("textarea");
  if (area && area.value === area.defaultValue) close(editor);
});
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.add[open]") && !event.target.contains(document.activeElement?.closest("textarea"))) {
    event.target.querySelector("textarea").focus();
  }
}, true);
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form[data-editor]");
  if (!form || event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey && event.target.matches("textarea")) {
    event.preventDefault();
    event.stopPropagation();
    form.requestSubmit();
  } else if (event.key === "Escape") {
    event.preventDefault();
    event.stopPropagation();
    close(form);
  }
}, true);
// the server's answer shows the line as it is now: the editor that was sent goes back in its place
document.addEventListener("htmx:after:swap", () => {
  for (const line of document.querySelectorAll(".line.editing")) {
    if (line.querySelector("form[data-editor]").hidden) line.classList.remove("editing");
  }
});
