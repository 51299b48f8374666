// Buttons that are the same for every line and for everything that was said: the server sends each once.
function fillWith(place, name) {
  const template = document.querySelector(`template[data-${name}]`);
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", template.dataset[name]);
  place.replaceChildren(template.content.cloneNode(true));
}

// "voeg toe aan": once; a fresh page from the server leaves them as they are
function fill() {
  for (const place of document.querySelectorAll("[data-take]:empty")) {
    fillWith(place, "takers");
    for (const button of place.querySelectorAll("button")) button.value = `${place.dataset.take}-${button.value}`;
  }
}

// where a line can go from where it is now, in its open editor
export function offer(line) {
  const place = line.querySelector(".movers");
  fillWith(place, "movers");
  const here = [line.closest(".part").querySelector(".letter [aria-hidden]").textContent];
  if (!line.previousElementSibling) here.push("op");
  if (!line.nextElementSibling) here.push("neer", "samen");
  here.push(line.closest(".report").id.replace("verslag-", ""));
  for (const button of place.querySelectorAll("button")) if (here.includes(button.dataset.move)) button.remove();
}

export function move(line, where) {
  const button = document.querySelector("#verplaats [name=naar]");
  button.value = `${line.dataset.line}-${where}`;
  button.form.requestSubmit(button);
}

fill();
document.addEventListener("htmx:after:swap", fill);
