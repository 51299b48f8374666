// Errors of this page and of the network are shown, never silent.
const place = document.getElementById("melding");

// `link`: { to, text }, behind it
export function say(text, kind = "error", link = null) {
  const message = document.createElement("p");
  message.className = `message message-${kind}`;
  message.setAttribute("role", kind === "error" ? "alert" : "status");
  message.textContent = text;
  if (link) {
    const anchor = document.createElement("a");
    Object.assign(anchor, { href: link.to, textContent: link.text });
    message.append(" ", anchor);
  }
  place.replaceChildren(message);
  message.scrollIntoView({ block: "nearest" });
}

export function hush() {
  place.replaceChildren();
}

window.addEventListener("error", () => say(place.dataset.scriptError));
window.addEventListener("unhandledrejection", () => say(place.dataset.scriptError));
document.addEventListener("htmx:error", (event) => {
  // a page that refreshes itself tries again by itself
  if (event.target.matches?.("[hx-trigger^='every']")) return;
  say(place.dataset.networkError);
  place.firstChild.dataset.network = "";
});
// ... and goes when there is an answer again, also to what the page asks by itself
document.addEventListener("htmx:after:request", (event) => {
  if (event.detail.ctx.response?.status < 500 && place.querySelector("[data-network]")) hush();
});
window.addEventListener("online", () => place.querySelector("[data-network]") && hush());
// a message belongs to the last action: the next one that succeeds removes it
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.response?.status < 400 && !event.target.matches?.("[hx-trigger^='every']")) hush();
});
