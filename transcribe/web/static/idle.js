// The server ends an idle session; the page goes with it, so that nothing stays on an unattended screen.
const { idleSeconds, token } = document.body.dataset;
const PING_MS = 60_000;

if (idleSeconds) {
  const limit = Number(idleSeconds) * 1000;
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
