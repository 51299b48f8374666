// The recorder on a consult's page: asks, shows and obeys. The sound itself goes from record-worklet.js to
// record-keeper.js, past this thread: a busy page costs no sound.
import { ready } from "./busy.js";
import { letters } from "./letters.js";
import { opened, shut } from "./lock.js";
import { hush, say } from "./problems.js";
import { Capture, choose, offer, why } from "./record-capture.js";
import { Ear, Stutter, height } from "./record-ear.js";
import { clear, kept } from "./record-shelf.js";
import { clock, view } from "./record-view.js";
import "./rest.js";

const QUIET_S = 5;
// the lock that tells which consult has the microphone
const MICROPHONE_OF = "microfoon-";
// after a longer interruption somebody else may sit there: it goes on by a click
const BY_ITSELF_MS = 60_000;
const FOLLOW_MS = 3000;
const over = document.querySelector("[data-sound-over]");
const root = document.querySelector("[data-recorder]");

// destroyed, here or on another screen: nothing of it stays in this browser
if (over && window.indexedDB) clear(over.dataset.soundOver);

if (root) recorder();
if (root && window.indexedDB) tidy(root.dataset.consult);

// what lies here of consults that were destroyed meanwhile can't be read any more, and goes
async function tidy(here) {
  for (const { consult } of await kept()) {
    if (consult === here) continue;
    const answer = await fetch(`/consult/${consult}/opname/sleutel`, { headers: { Accept: "application/json" } });
    if (answer.status === 410) await clear(consult);
  }
}

function recorder() {
  const { consult, status } = root.dataset;
  let { token } = root.dataset; // another one when somebody logged in again elsewhere
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const button = (name) => root.querySelector(`[data-do="${name}"]`);
  const texts = Object.fromEntries(
    [...root.querySelector("template").content.children].map((one) => [one.dataset.text, one.textContent]),
  );
  const worklet = new URL("record-worklet.js", import.meta.url).href;
  const bars = [...root.querySelectorAll("[data-level]")];
  let keeper = null;
  let capture = null;
  let now = null;
  let step = 0;
  let paused = false;
  let problem = null;
  let leaving = false;
  let ears = [];
  let quiet = [];
  let stutters = [];
  let broken = []; // whose sound has holes
  let lost = [];
  let wake = null;
  let followed = null;

  if (!window.isSecureContext || !navigator.mediaDevices) {
    if (status !== "toestemming") document.querySelector("[data-watch]").hidden = false;
    return tell("insecure");
  }

  // --- the keeper ---

  keeper = new Worker(new URL("record-keeper.js", import.meta.url), { type: "module" });
  keeper.onmessage = ({ data }) => {
    if (data.looked) looked(data.looked);
    if (data.now) heard(data.now);
    if (data.failed) say(document.getElementById("melding").dataset.scriptError);
  };
  keeper.onerror = () => say(document.getElementById("melding").dataset.scriptError);
  const ask = (order, more = {}, moved = []) => keeper.postMessage({ do: order, ...more }, moved);
  ask("look", { consult, url: `${location.origin.replace(/^http/, "ws")}/consult/${consult}/opname` });

  let waited = false;
  function looked({ free, note, refused }) {
    if (!free) {
      waited = true;
      return status === "toestemming" ? tell("tab") : watch("tab");
    }
    if (refused) {
      if (status !== "toestemming") watch("elsewhere");
      return tell(refused === 401 ? "log-in" : "away-start");
    }
    if (waited) hush();
    if (status === "toestemming") {
      button("start").disabled = false;
      if (document.activeElement === document.body) button("start").focus();
      return;
    }
    if (!note || waited) return watch("again" in root.dataset ? "again" : "elsewhere");
    carryOn(note);
  }

  // after a reload or a crash: what lies here is sent; soon after it the microphone goes on by itself, where the browser
  // lets it
  async function carryOn(note) {
    active();
    ask("connect");
    if (note.ending || note.paused || !(Math.abs(Date.now() - note.at) < BY_ITSELF_MS)) return;
    const { state } = await navigator.permissions.query({ name: "microphone" }).catch(() => ({}));
    if (state === "granted" && note.channels === 1) await listen(1);
  }

  // --- the microphone ---

  async function listen(channels) {
    if (!(await alone())) return other();
    const made = new Capture({ worklet, level, lost: gone });
    try {
      await made.open({ call: channels === 2 });
    } catch (refused) {
      if (!capture) release();
      tell(why(refused, channels));
      return false;
    }
    // stopped meanwhile, or the browser wants a click first
    if (now?.ending || !(await made.awake())) {
      made.close();
      if (!capture) release();
      return false;
    }
    use(made);
    return true;
  }

  function use(made) {
    capture?.close();
    capture = made;
    [ears, quiet, lost] = [made.streams.map(() => new Ear()), [], []];
    [stutters, broken] = [made.streams.map(() => new Stutter()), []];
    bars.forEach((bar, i) => (bar.closest(".level").hidden = i >= made.streams.length));
    part("levels").classList.toggle("named", made.streams.length > 1);
    const { port1, port2 } = new MessageChannel();
    ask("port", { port: port1 }, [port1]);
    capture.connect(port2);
    capture.turn(!paused);
    devices();
    problem = null;
    stayAwake();
    show();
  }

  // One consult at a time in this browser: the next patient's words must not go into this one. The right ends with the
  // recording, or with the page.
  let free = null;
  function alone() {
    if (free) return true;
    return new Promise((resolve) => {
      navigator.locks.request("microfoon", { ifAvailable: true }, (lock) => {
        resolve(Boolean(lock));
        if (!lock) return null;
        const over = new Promise((ended) => (free = ended));
        navigator.locks.request(MICROPHONE_OF + consult, () => over); // for another tab, which links to it
        return over;
      });
    });
  }

  async function other() {
    const { held } = await navigator.locks.query();
    const its = held.find(({ name }) => name.startsWith(MICROPHONE_OF))?.name.slice(MICROPHONE_OF.length);
    say(texts.other, "error", its && { to: `/consult/${its}`, text: texts["to-other"] });
    return false;
  }

  function level(levels, powers) {
    levels.forEach((one, i) => {
      bars[i].style.transform = `scaleX(${height(one)})`;
      const silent = ears[i].hear(one) >= QUIET_S;
      const holes = stutters[i].hear(powers[i]);
      if (silent !== Boolean(quiet[i]) || holes !== Boolean(broken[i])) {
        [quiet[i], broken[i]] = [silent, holes];
        show();
      }
    });
  }

  async function gone(input) {
    lost[input] = true;
    show();
    if (input === 0) await again();
  }

  // another device in its place; meanwhile the recording holds silence
  async function again() {
    try {
      await capture.change(0);
      lost[0] = false;
      problem = null;
    } catch (refused) {
      lost[0] = true;
      problem = why(refused, 1) === "denied" ? "denied" : null;
    }
    devices();
    show();
  }

  function devices() {
    return offer(root.querySelector("[data-devices]"), texts.standard, capture?.device);
  }
  root.querySelector("[data-devices]").addEventListener("change", (event) => {
    choose(event.target.value);
    if (capture) again();
  });
  navigator.mediaDevices.addEventListener("devicechange", () => (lost[0] ? again() : devices()));
  devices();

  async function stayAwake() {
    wake = await navigator.wakeLock?.request("screen").catch(() => null);
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && capture && wake?.released) stayAwake();
  });

  // --- what a person does ---

  const choice = () => root.querySelector("input[name=layout]:checked").value;
  const actions = {
    async start() {
      if (!(await alone())) return other();
      const layout = choice();
      const channels = layout === "huisarts-links" ? 2 : 1;
      const made = new Capture({ worklet, level, lost: gone });
      try {
        await made.open({ call: channels === 2 });
      } catch (refused) {
        release();
        return tell(why(refused, channels));
      }
      const refused = await post("begin", { layout });
      if (refused) {
        made.close();
        release();
        return say(refused);
      }
      active();
      ask("begin", { channels });
      use(made);
      await made.awake();
      button("pause").focus();
    },
    // from another screen
    async here() {
      // somebody else's recording: a click that was not meant would end it there
      const asked = button("here");
      if (asked.dataset.sure) {
        asked.textContent = asked.dataset.sure;
        delete asked.dataset.sure;
        return;
      }
      const channels = now ? now.channels : Number(root.dataset.channels);
      if (!(await listen(channels))) return;
      const refused = "again" in root.dataset && (await post("hervat"));
      if (refused) {
        release();
        return say(refused);
      }
      active();
      ask("begin", { channels });
      button("pause").focus();
    },
    // after a crash
    async go() {
      if (await listen(now.channels)) button("pause").focus();
    },
    async pause() {
      if (paused) return resume();
      hold(false);
    },
    async aside() {
      if (paused) return resume();
      hold(true);
    },
    stop() {
      capture?.turn(false);
      ask("end");
    },
    take() {
      delete button("here").dataset.sure; // whoever presses this one knows that it goes on elsewhere
      return actions.here();
    },
    login: () => location.reload(),
    async share() {
      await capture?.change(1).then(() => (lost[1] = false), (refused) => tell(why(refused, 2)));
      show();
    },
  };

  // what was wrong, if anything
  async function post(what, fields = {}) {
    try {
      const answer = await fetch(`/consult/${consult}/opname/${what}`, {
        method: "POST",
        body: new URLSearchParams({ token, ...fields }),
        headers: { Accept: "application/json" },
        redirect: "manual",
      });
      if (answer.type === "opaqueredirect") return null;
      if (answer.status === 401) return texts["log-in"];
      return (await answer.json()).error;
    } catch {
      return texts["away-start"];
    }
  }

  function hold(aside) {
    paused = true;
    capture?.turn(false);
    ask("pause", { aside, step: (step += 1) });
  }

  async function resume() {
    if (!capture && !(await listen(now.channels))) return;
    paused = false;
    ask("resume", { step: (step += 1) });
    capture.turn(true);
  }

  // each once at a time: one that waits for the server or for a choice of the browser's keeps no other one waiting
  const busy = new Set();
  root.addEventListener("click", async (event) => {
    const name = event.target.closest("[data-do]")?.dataset.do;
    if (!name || busy.has(name)) return;
    hush();
    busy.add(name);
    try {
      await actions[name]();
    } finally {
      busy.delete(name);
    }
  });
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || !letters()) return;
    if (target.closest("input, select, textarea") || part("run").hidden) return;
    const one = { p: "pause", b: "aside" }[key];
    if (one && !button(one).disabled && !button(one).hidden) button(one).click();
  });

  // --- what is shown ---

  function tell(name) {
    say(texts[name]);
  }

  function watch(name) {
    document.querySelector("[data-watch]").hidden = root.hidden = false;
    part("start").hidden = part("devices").hidden = true;
    part("watch").hidden = false;
    part("watch").querySelector("p").textContent = texts[name];
    button("here").parentElement.hidden = name === "tab";
  }

  function active() {
    document.querySelector("[data-watch]")?.remove();
    document.querySelector("[data-upload-fold]")?.remove();
    const badge = document.querySelector(".consult-head .badge");
    if (badge) badge.style.visibility = "hidden"; // what it is now stands below
    const shut = document.getElementById("afschermen"); // refused while it is recorded: whoever records would lose it
    if (shut) shut.hidden = true;
    root.hidden = part("devices").hidden = false;
    part("start").hidden = part("watch").hidden = true;
    part("run").hidden = false;
  }

  function heard(latest) {
    now = latest;
    // an answer to what was pressed after it is not the news it looks like
    if (now.step === step && now.paused !== paused) {
      paused = now.paused;
      capture?.turn(!paused);
    }
    if (now.closed || now.stored || now.ending) release();
    if (now.problem?.code === "taken-over") followed ??= setInterval(follow, FOLLOW_MS);
    // what is left of our sound, when it was ended without that, is told there
    if (now.stored) {
      leaving = true;
      show(); // who stays for what is filled in of a video consult sees that it is over
      location.assign(now.stored);
      return;
    }
    if (now.problem?.code === "destroyed") {
      leaving = true;
      // gone before any question about what is filled in could hold it on the screen
      document.body.replaceChildren();
      location.reload();
      return;
    }
    show();
  }

  // Recorded on another screen now: when that ends, this page shows what became of it. What is left of our sound is told
  // there as well.
  async function follow() {
    if (!now.closed) return;
    const answer = await fetch(`/consult/${consult}/opname/stand`).catch(() => null);
    if (answer?.status !== 204 || !now.closed) return;
    const how = { headers: { Accept: "application/json" } };
    const key = await fetch(`/consult/${consult}/opname/sleutel`, how).catch(() => null);
    if (!key || !now.closed) return; // asked again in a moment
    clearInterval(followed);
    followed = null;
    if (key.status === 410) document.body.replaceChildren(); // destroyed: no question may hold it on the screen
    leaving = true;
    location.reload();
  }

  function release() {
    capture?.close();
    capture = null;
    free?.();
    free = null;
    wake?.release();
    wake = null;
  }

  const put = (name, text) => {
    const place = part(name);
    if (place.textContent !== text) place.textContent = text;
  };

  function show() {
    if (!now) return;
    const capturing = Boolean(capture?.enabled);
    const seen = view({ now, capturing, lost, quiet, broken, problem });
    root.dataset.tone = seen.head;
    put("head", texts[seen.head]);
    put("time", clock(seen.time));
    const fill = { time: clock(seen.safe), seconds: seen.behind };
    put("detail", texts[seen.detail].replace(/\{(\w+)\}/g, (_, one) => fill[one]));
    const warning = seen.warning?.text ?? texts[seen.warning] ?? "";
    put("warning", warning);
    part("warning").hidden = !warning;
    const going = !now.ending && !now.closed && !now.stored;
    const idle = going && !now.paused && !capturing;
    for (const name of ["pause", "aside", "stop"]) button(name).hidden = !going;
    button("pause").hidden ||= idle || (now.paused && now.aside);
    button("aside").hidden ||= idle || (now.paused && !now.aside);
    button("go").hidden = !idle;
    button("take").hidden = now.problem?.code !== "taken-over";
    button("login").hidden = now.problem?.code !== "log-in";
    button("share").hidden = !(going && lost[1]);
    button("pause").querySelector("span").textContent = now.paused ? texts.resume : texts.pause;
    button("aside").querySelector("span").textContent = now.paused ? texts["aside-end"] : texts["aside-begin"];
    part("levels").hidden = !capture || !going;
    if (!capturing) for (const bar of bars) bar.style.transform = "";
    part("devices").hidden = !going;
    document.title = `${seen.recording ? "● " : ""}${texts[seen.head]} · transcribe`;
  }

  // --- nobody is there ---

  // the recording goes on; what it can be seen by does not
  document.addEventListener("session:locked", (event) => {
    if (!now || now.closed || now.stored) return;
    event.preventDefault();
    shut(root, document.getElementById("melding"));
  });
  document.addEventListener("session:open", ({ detail }) => {
    opened(detail);
    const another = detail.token !== token; // logged in anew: the line must be of that session
    root.dataset.token = token = detail.token;
    if (another && now && !now.closed && !now.stored) ask("connect");
  });
  document.addEventListener("session:leave", () => (leaving = true));

  // --- leaving ---

  document.addEventListener("htmx:after:request", (event) => {
    const { hx } = event.detail.ctx;
    if (hx?.redirect || hx?.refresh) leaving = true;
  });
  // who takes the consent back is not recorded while the server does its work
  document.addEventListener("submit", (event) => {
    if (!/\/(intrekken|verwijderen)$/.test(event.target.action) || !capture) return;
    release();
    ask("silence");
  });
  window.addEventListener("beforeunload", (event) => {
    if (leaving || !now || now.closed || now.stored) return;
    if (capture?.enabled || now.next > now.acked) event.preventDefault();
  });
}
