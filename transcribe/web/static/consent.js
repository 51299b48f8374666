// Enter after the patient reference goes on to the words; it never gives consent by itself. A date of birth chooses the
// age, and an age who usually decides then; the server computes the age again.
const field = document.getElementById("kenmerk");
const [age, born, giver, able] = ["leeftijd", "geboren", "gever", "wilsbekwaam"].map((id) => document.getElementById(id));
const USUAL = { "<12": "ouder of voogd", "12-15": "patiënt en ouder of voogd", ">=16": "patiënt" };
const UNABLE = { "<12": "ouder of voogd", "12-15": "ouder of voogd", ">=16": "wettelijk vertegenwoordiger" };

field?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  if (field.reportValidity()) field.form.querySelector("button.primary").focus();
});

function ageOf(date, today) {
  const years = today.getFullYear() - date.getFullYear();
  const had = [today.getMonth() - date.getMonth(), today.getDate() - date.getDate()];
  const whole = had[0] < 0 || (had[0] === 0 && had[1] < 0) ? years - 1 : years;
  return whole < 12 ? "<12" : whole < 16 ? "12-15" : ">=16";
}

const usual = () => { giver.value = (able.value === "nee" ? UNABLE : USUAL)[age.value]; };
able?.addEventListener("change", usual);
age?.addEventListener("change", () => {
  born.value = ""; // what was chosen last counts
  usual();
});
born?.addEventListener("change", () => {
  if (!born.value) return;
  const [year, month, day] = born.value.split("-").map(Number);
  age.value = ageOf(new Date(year, month - 1, day), new Date());
  usual();
});
