// The worklist by keyboard: what each key does stands in worklist.html.
import { letters } from "./letters.js";

function step(by) {
  const all = [...document.querySelectorAll("a.row")];
  const at = all.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  all[next]?.focus();
}

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (!letters() || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  if (target.closest("textarea, input:not([type=checkbox]), select")) return;
  if (key === "j" || key === "k") step(key === "j" ? 1 : -1);
  else if (key === "n" && !event.repeat) document.getElementById("nieuw").click();
  else if (key === "/") document.querySelector(".search [name=kenmerk]")?.focus();
  else return;
  event.preventDefault();
});
