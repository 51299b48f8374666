// Sound of this consult that lies in this browser and never came in: the recording was ended without it.
import { clear, close, kept } from "./record-shelf.js";

const form = document.querySelector("[data-rest]");
if (form && window.indexedDB) look(form.dataset.rest);

async function look(consult) {
  const found = (await kept()).find((one) => one.consult === consult);
  if (!found?.frames) return;
  const text = form.querySelector("[data-rest-text]");
  text.textContent = text.dataset.restText.replace("{seconds}", Math.ceil(found.frames / 10));
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await close(consult);
    form.submit();
  });
  form.querySelector("[data-rest-forget]").addEventListener("click", async () => {
    await clear(consult);
    form.remove();
  });
}
