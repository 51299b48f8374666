// The recording goes to the server as it is, with a bar that shows how far; the server answers in Dutch.
import { hush, say } from "./problems.js";
import { ready } from "./busy.js";

const form = document.querySelector("[data-upload]");

if (form) {
  const text = form.dataset;
  const file = form.querySelector("input[type=file]");
  const progress = form.querySelector("[data-upload-progress]");
  const bar = progress.querySelector("progress");
  const label = progress.querySelector("[data-upload-label]");
  const stopper = progress.querySelector("[data-upload-stop]");
  const controls = form.querySelectorAll("input, button.primary");
  let sending = null;

  // until here a click would have the browser send the form by itself, without the file
  form.querySelector("button.primary").disabled = false;

  // who pressed the button goes on with the keyboard where that makes sense: a disabled or hidden control has no focus
  const finished = () => {
    const waiting = progress.contains(document.activeElement);
    sending = null;
    progress.hidden = true;
    for (const control of controls) control.disabled = false;
    if (waiting) file.focus();
    ready(form);
  };
  const failed = (message) => {
    finished();
    say(message);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [recording] = file.files;
    if (!recording) return failed(text.textEmpty);
    if (recording.size > Number(text.maxMb) * 1e6) return failed(text.textLarge);
    const layout = form.querySelector("input[name=layout]:checked").value;
    hush();
    progress.hidden = false;
    label.textContent = text.textSending;
    if (form.contains(document.activeElement)) stopper.focus();
    for (const control of controls) control.disabled = true;

    const request = new XMLHttpRequest();
    sending = request;
    request.open("PUT", text.url + layout);
    request.responseType = "json";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRF-Token", text.token);
    request.upload.addEventListener("progress", (step) => {
      bar.value = step.loaded / step.total;
      bar.textContent = `${Math.round(bar.value * 100)} %`;
      document.dispatchEvent(new Event("upload-progress"));
    });
    request.upload.addEventListener("load", () => {
      label.textContent = text.textChecking;
      bar.removeAttribute("value");
    });
    request.addEventListener("load", () => {
      if (request.status === 201) location.assign(request.response.page);
      else if (request.status === 401) location.reload();
      else failed(request.response?.error ?? text.textLost);
    });
    request.addEventListener("error", () => failed(text.textLost));
    request.addEventListener("abort", () => failed(text.textStopped));
    request.send(recording);
  });

  stopper.addEventListener("click", () => sending?.abort());
  window.addEventListener("beforeunload", (event) => {
    if (sending && sending.readyState < 4) event.preventDefault();
  });
}
