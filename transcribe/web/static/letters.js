// Keys of one letter can be switched off: they get in the way of speech input. A preference, nothing of a patient.
const NAME = "lettertoetsen";

export const letters = () => localStorage.getItem(NAME) !== "uit";

const show = () => {
  const box = document.querySelector("[data-keys-switch]");
  if (box) box.checked = letters();
};
show();
document.addEventListener("htmx:after:swap", show);
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-keys-switch]")) localStorage.setItem(NAME, event.target.checked ? "aan" : "uit");
});
