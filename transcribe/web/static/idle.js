// The server locks or ends an idle session; the page goes with it, so that nothing stays on an unattended screen. Whether
// somebody is at work in another tab only the server knows: it is asked, and asking keeps nothing awake.
const { idleSeconds } = document.body.dataset;
const PING_MS = 60_000;
const GRACE_MS = 1500;
const LOCKED_LOOK_MS = 3000;

if (idleSeconds) {
  const limit = Number(idleSeconds) * 1000;
  // The note that grows is hidden sooner than that: a patient sits beside it.
  const HIDE_MS = Math.min(limit, 5 * 60_000);
  let lastTouch = Date.now();
  for (const kind of ["keydown", "pointerdown", "wheel", "touchmove"]) {
    document.addEventListener(kind, () => {
      lastTouch = Date.now();
      document.body.classList.remove("away");
    }, { passive: true, capture: true });
  }
  setInterval(() => document.body.classList.toggle("away", Date.now() - lastTouch > HIDE_MS), 1000);
  let due = Date.now() + limit + GRACE_MS;
  let lastPing = Date.now();
  let locked = false;
  let asking = false;

  const used = () => {
    if (locked) return;
    const now = Date.now();
    if (now - lastPing < Math.min(PING_MS, limit / 3)) return;
    lastPing = now;
    due = now + limit + GRACE_MS; // not later than the server knows of
    const body = new URLSearchParams({ token: document.body.dataset.token });
    // no answer: the next request of the page will show what is wrong
    fetch("/actief", { method: "POST", body }).catch(() => {});
  };
  for (const kind of ["keydown", "pointerdown", "input"]) {
    document.addEventListener(kind, used, { passive: true, capture: true });
  }
  for (const kind of ["wheel", "touchmove", "timeupdate", "upload-progress"]) {
    document.addEventListener(kind, used, { passive: true, capture: true });
  }

  const look = async () => {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch("/sessie", { headers: { Accept: "application/json" } }).catch(() => null);
      const said = (await answer?.json().catch(() => null)) ?? {};
      if (answer?.ok) {
        if (locked) document.dispatchEvent(new CustomEvent("session:open", { detail: said }));
        locked = false;
        due = Date.now() + said.left * 1000 + GRACE_MS;
        return;
      }
      due = Date.now() + LOCKED_LOOK_MS;
      const over = answer?.status === 401 && !said.locked;
      // a page that records, or holds what somebody filled in, hides what it shows, and stays
      const what = over ? "session:over" : "session:locked";
      if (!document.dispatchEvent(new Event(what, { cancelable: true }))) {
        locked = true;
        return;
      }
      // gone before any question about unsaved text could hold it on the screen
      document.body.replaceChildren();
      location.reload();
    } finally {
      asking = false;
    }
  };
  document.addEventListener("session:look", look);
  setInterval(() => Date.now() > due && look(), 1000);
}
