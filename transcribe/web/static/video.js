// What is filled in of the video consult and not saved: leaving asks first, and sends nothing. Not when the server sends
// the page away: a log-out, a withdrawal.
import { filled } from "./filled.js";

let sentAway = false;
document.addEventListener("htmx:after:request", (event) => {
  const { hx } = event.detail.ctx;
  if (hx?.redirect || hx?.refresh) sentAway = true;
});

window.addEventListener("beforeunload", (event) => {
  const form = document.getElementById("video-form");
  if (sentAway || !form || !filled(form)) return;
  form.closest("details").open = true; // who stays sees what it is about
  event.preventDefault();
});
