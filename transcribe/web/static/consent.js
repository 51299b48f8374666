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

// both as 2026-11-23; a birthday counts from the day itself
function ageOf(born) {
  const today = new Date().toLocaleDateString("sv", { timeZone: "Europe/Amsterdam" });
  const years = today.slice(0, 4) - born.slice(0, 4) - (born.slice(5) > today.slice(5));
  return years < 12 ? "<12" : years < 16 ? "12-15" : ">=16";
}

const usual = () => { giver.value = (able.value === "nee" ? UNABLE : USUAL)[age.value]; };
able?.addEventListener("change", usual);
age?.addEventListener("change", () => {
  born.value = ""; // what was chosen last counts
  usual();
});
born?.addEventListener("change", () => {
  if (!born.value) return;
  age.value = ageOf(born.value);
  usual();
});
