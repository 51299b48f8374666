// A form is sent once: a second click or Enter while it is on its way does nothing.
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    form.setAttribute("aria-busy", "true");
  },
  true,
);

export function ready(form) {
  form.removeAttribute("aria-busy");
}

document.addEventListener("htmx:finally:request", (event) => ready(event.detail.ctx.sourceElement));
// a page that comes back from the browser's memory may be old, or of before the log-out
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
