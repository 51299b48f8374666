// The ICPC table under the field for a code: fetched when the first field is used, and kept for as long as the page.
const list = document.getElementById("icpc-tabel");
let asked = false;

document.addEventListener("focusin", async ({ target }) => {
  if (asked || !target.matches("[list=icpc-tabel]")) return;
  asked = true;
  try {
    const answer = await fetch(list.dataset.from, { headers: { Accept: "application/json" } });
    if (answer.ok) list.append(...(await answer.json()).map(([code, title]) => new Option(title, code)));
    else asked = false;
  } catch {
    asked = false; // a code can be typed without it; the next field tries again
  }
});
