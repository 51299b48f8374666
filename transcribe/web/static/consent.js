// Enter after the patient reference goes on to the words; it never gives consent by itself.
const field = document.getElementById("kenmerk");

field?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  if (field.reportValidity()) field.form.querySelector("button.primary").focus();
});
