// A recording ends and the page goes: what was filled in of the video consult and not saved goes with it to the server.
import { filled } from "./filled.js";

window.addEventListener("pagehide", () => {
  const form = document.getElementById("video-form");
  if (!form || !filled(form)) return;
  fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), keepalive: true }).catch(() => null);
});
