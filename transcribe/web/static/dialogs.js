// Fold-outs that ask something: one at a time, Esc or a click beside them closes, focus stays where it was.
const open = () => document.querySelectorAll("details.ask[open], details.keys[open]");

document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.("details.ask[open], details.keys[open]")) return;
  for (const other of open()) if (other !== event.target) other.open = false;
}, true);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const one of open()) {
    one.open = false;
    one.querySelector("summary").focus();
  }
});
document.addEventListener("pointerdown", (event) => {
  for (const one of open()) if (!one.contains(event.target)) one.open = false;
});
