// Nothing leaves by the browser's own copying: a draft not at all, an approved note by the buttons that record it.
import { say } from "./problems.js";

for (const kind of ["copy", "cut", "dragstart"]) {
  document.addEventListener(kind, (event) => {
    const gate = document.querySelector("[data-gate]");
    // the text that was handed out for copying by hand is free
    if (!gate || event.target.closest?.("[data-by-hand]")) return;
    event.preventDefault();
    say(gate.dataset.gate, "warn");
  });
}
