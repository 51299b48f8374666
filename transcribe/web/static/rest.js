// Sound of this consult that lies in this browser and never came in: the recording was ended without it.
import { ready } from "./busy.js";
import { say } from "./problems.js";
import { clear, kept, mark } from "./record-shelf.js";
import { seconds } from "./record-view.js";

const WORTH = 10; // frames: of less than a second a new draft is seldom worth what it costs
const form = document.querySelector("[data-rest]");
if (form && window.indexedDB) look(form.dataset.rest);

async function look(consult) {
  const found = (await kept()).find((one) => one.consult === consult);
  if (!found?.frames) return;
  // who goes on with the recording is asked first, and ends it himself
  await mark(consult, { ending: false, paused: true, told: true });
  const text = form.querySelector("[data-rest-text]");
  text.textContent = text.dataset.restText.replace("{seconds}", seconds(found.frames));
  form.querySelector("[data-rest-add]").classList.toggle("strong", found.frames >= WORTH);
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add(consult);
  });
  form.querySelector("[data-rest-forget]").addEventListener("click", async () => {
    await clear(consult);
    form.remove();
  });
}

// the recorder sends it, and ends the recording again
async function add(consult) {
  const body = new URLSearchParams(new FormData(form));
  const how = { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual" };
  const answer = await fetch(form.action, how).catch(() => null);
  if (answer?.type === "opaqueredirect") {
    await mark(consult, { ending: true });
    return location.assign(`/consult/${consult}`);
  }
  if (answer?.status === 401) return location.reload();
  ready(form);
  const problem = answer && (await answer.json().catch(() => ({}))).error;
  say(problem ?? document.getElementById("melding").dataset.networkError);
}
