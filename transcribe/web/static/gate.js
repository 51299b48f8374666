// Nothing leaves by the browser's own copying: a draft not at all, an approved note by the buttons that record it.
// Words that are cut or copied in a line that is being written go to such a line again, by this page alone.
import { say } from "./problems.js";

const written = (target) => target.closest?.("form[data-editor] textarea");
let words = null;

for (const kind of ["copy", "cut", "dragstart"]) {
  document.addEventListener(kind, (event) => {
    const gate = document.querySelector("[data-gate]");
    // the text that was handed out for copying by hand is free
    if (!gate || event.target.closest?.("[data-by-hand]")) return;
    event.preventDefault();
    const area = kind === "dragstart" ? null : written(event.target);
    if (area) {
      words = area.value.slice(area.selectionStart, area.selectionEnd) || words;
      if (kind === "cut") document.execCommand("delete"); // so that Ctrl+Z has it
      return;
    }
    say(gate.dataset.gate, "warn");
  });
}
document.addEventListener("paste", (event) => {
  if (words === null || !written(event.target)) return;
  event.preventDefault();
  document.execCommand("insertText", false, words);
});
// something else may be on the clipboard when she is back
window.addEventListener("blur", () => (words = null));
