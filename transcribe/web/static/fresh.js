// The page has just become another: what is under the pointer or has the focus now may not be what somebody decided on.
// For a moment nothing is confirmed, removed or taken over, unless the focus was brought there on purpose.
const SETTLE_MS = 600;
let since = -SETTLE_MS; // of the last fresh page
let moved = true; // the focus, by a person, since the last action

const DECIDES = "#aandacht button, form[data-action=bevestig] button, form[data-action=verwijder] button, .takers button";

export const unsettled = (byPointer) => performance.now() - since < SETTLE_MS && (byPointer || !moved);

// the focus is where the page left it
export function settle() {
  since = performance.now();
}
export function stay() {
  moved = false;
}

document.addEventListener("focusin", () => (moved = true));
document.addEventListener("submit", stay, true);
// nor does the focus go to the button that came under the pointer
for (const kind of ["mousedown", "click"]) {
  document.addEventListener(kind, (event) => {
    // a click by keyboard has no count
    if (!event.target.closest?.(DECIDES) || !unsettled(event.detail > 0)) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
}
