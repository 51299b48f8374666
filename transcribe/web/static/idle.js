// The server ends an idle session; the page goes with it, so that nothing stays on an unattended screen.
const { idleSeconds, token } = document.body.dataset;
const PING_MS = 60_000;

if (idleSeconds) {
  const limit = Number(idleSeconds) * 1000;
  // A recording keeps the session, whoever is in the room. The note that grows is hidden when nobody touches the page.
  const HIDE_MS = Math.min(limit, 5 * 60_000);
  let lastTouch = Date.now();
  for (const kind of ["keydown", "pointerdown", "wheel", "touchmove"]) {
    document.addEventListener(kind, () => {
      lastTouch = Date.now();
      document.body.classList.remove("away");
    }, { passive: true, capture: true });
  }
  setInterval(() => document.body.classList.toggle("away", Date.now() - lastTouch > HIDE_MS), 1000);
  let lastUse = Date.now();
  let lastPing = Date.now();

  const used = () => {
    lastUse = Date.now();
    if (lastUse - lastPing < Math.min(PING_MS, limit / 3)) return;
    lastPing = lastUse;
    const body = new URLSearchParams({ token });
    // no answer: the next request of the page will show what is wrong
    fetch("/actief", { method: "POST", body }).catch(() => {});
  };
  for (const kind of ["keydown", "pointerdown", "input"]) {
    document.addEventListener(kind, used, { passive: true, capture: true });
  }
  for (const kind of ["wheel", "touchmove", "timeupdate", "upload-progress"]) {
    document.addEventListener(kind, used, { passive: true, capture: true });
  }
  setInterval(() => {
    if (Date.now() - lastUse <= limit + 1500) return;
    // gone before any question about unsaved text could hold it on the screen
    document.body.replaceChildren();
    location.reload();
  }, 1000);
}
