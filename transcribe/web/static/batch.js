// Many recordings: what is dropped becomes rows, the server says what each needs, and they are sent one after the other.
// Nothing is kept in the browser but the numbers of the consults that were made, for a page that is loaded anew.
import { ready } from "./busy.js";
import { Sha256, hex, unhex } from "./hash.js";
import { opened, shut } from "./lock.js";
import { hush, say } from "./problems.js";

const root = document.querySelector("[data-batch]");
// as in audio/together.py
const MARK = "transcribe: bestanden van een consult\n";
const SENT = "opnamen";
const LOOK_AGAIN_MS = 5000;
const TELL_MS = 10_000;
// how long what was filled in waits, out of sight, for who filled it in
const KEPT_MS = 60 * 60_000;
// of a row: nothing more is to be done
const OVER = ["stored", "present"];
// what the server says of a recording that it has; anything else is not there, or not any more
const HAS = ["WAITING", "BUSY", "DONE", "BEFORE", "STOPPED"];
const VIDEO = "videoconsult";
const FORM = "application/x-www-form-urlencoded";

if (root) {
  const text = root.dataset;
  const find = (what) => root.querySelector(`[data-${what}]`);
  const form = find("form");
  const rows = find("rows");
  const said = find("said");
  const files = new Map(); // by name
  const apart = new Set(); // names that are no pair, as somebody said
  let list = null; // the manifest
  let number = 1;
  let current = null; // row that is being sent
  let sending = null; // request, or worker, that can be stopped
  let stopped = false;
  let adding = Promise.resolve();
  let leaving = false;

  const all = () => [...rows.children];
  const names = (row) => JSON.parse(row.dataset.names);
  const open = () => all().filter((row) => !OVER.includes(row.dataset.state));
  const size = (row) => names(row).reduce((sum, name) => sum + (files.get(name)?.size ?? 0), 0);

  // --- asking the server -------------------------------------------------------------------------------------------

  async function ask(path, body, type = "application/json") {
    const headers = { Accept: "application/json", "Content-Type": type, "X-CSRF-Token": text.token };
    const answer = await fetch(path, { method: "POST", headers, body }).catch(() => null);
    if (answer?.status === 401) away();
    if (answer?.ok) return answer;
    throw new Error((await answer?.json().catch(() => null))?.error ?? text.textLost);
  }
  // the session is locked or over: nothing more is sent, and what is on the screen goes
  function away() {
    stopped = true;
    document.dispatchEvent(new Event("session:look"));
  }
  const asJson = (path, body) => ask(path, JSON.stringify(body));

  async function base64(file) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    let binary = "";
    for (let at = 0; at < bytes.length; at += 1 << 15) binary += String.fromCharCode(...bytes.subarray(at, at + (1 << 15)));
    return btoa(binary);
  }

  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // --- rows --------------------------------------------------------------------------------------------------------

  // while rows are sent nothing comes in between: a new list would replace them
  const busy = () => form.getAttribute("aria-busy") === "true";
  function add(chosen) {
    if (busy()) return say(text.textBusy);
    return inTurn(() => take(chosen));
  }
  const inTurn = (step) => (adding = adding.then(step));

  async function take(chosen) {
    hush();
    let listed = "";
    const [before, there] = [list, []];
    for (const [name, file] of chosen) {
      if (/\.(csv|tsv|txt)$/i.test(name)) {
        list = file;
        listed = name;
      } else if (files.has(name) && (files.get(name).size !== file.size || files.get(name).lastModified !== file.lastModified)) {
        there.push(name);
      } else {
        files.set(name, file);
      }
    }
    try {
      await refresh(Boolean(listed));
    } catch (problem) {
      if (!listed) return say(problem.message);
      // what is no list keeps no recordings out, nor the list of before
      list = before;
      await refresh(false).catch(() => {});
      return say(`${listed}: ${problem.message}`);
    }
    if (there.length) say(text.textTwice.replace("{names}", there.join(", ")));
  }

  // `listed`: there is another list now, and what it says goes before what was filled in
  async function refresh(listed) {
    const over = new Set(all().filter((row) => OVER.includes(row.dataset.state)).flatMap(names));
    const asked = [...files].filter(([name]) => !over.has(name)).map(([name, file]) => ({ name, size: file.size }));
    const body = { files: asked, list: list ? await base64(list) : "", number, apart: [...apart] };
    const fresh = document.createElement("template");
    fresh.innerHTML = await (await asJson("/opnamen/rijen", body)).text();
    find("notes").replaceChildren(...fresh.content.querySelector("[data-fresh]").children);
    const known = new Map(open().map((row) => [row.dataset.names, row]));
    for (const row of fresh.content.querySelectorAll("[data-row]")) {
      number += 1;
      const old = known.get(row.dataset.names);
      known.delete(row.dataset.names);
      if (!old) rows.append(row);
      else if (listed && "listed" in row.dataset) old.replaceWith(row);
    }
    for (const row of known.values()) row.remove();
    form.hidden = !rows.children.length;
  }

  function badge(row, state, words, tone) {
    row.dataset.state = state;
    const sign = row.querySelector("[data-badge]");
    sign.textContent = words;
    sign.className = `badge badge-${tone}`;
  }

  function problem(row, words) {
    const place = row.querySelector("[data-problem]");
    place.hidden = !words;
    place.textContent = words;
  }

  // what does not stop it, and is better otherwise
  function note(row, words) {
    const place = row.querySelector("[data-note]");
    place.hidden = !words;
    place.textContent = words;
  }

  // what stands in the row, and where that is empty what holds for all of them
  function fields(row) {
    const found = new URLSearchParams();
    for (const field of find("shared").querySelectorAll("[name]")) {
      if (field.type !== "checkbox" || field.checked) found.set(field.name, field.value);
    }
    const own = (name) => row.querySelector(`[name=${name}]`).value;
    if (own("soort") && own("soort") !== VIDEO) found.delete("app"); // that of the video consults
    for (const field of row.querySelectorAll("[name]")) {
      if (field.value || !found.has(field.name)) found.set(field.name, field.value);
    }
    return found;
  }

  // nothing changes in what is being sent; a row can still be left out
  function lock(these, on) {
    const parts = these.flatMap((row) => [...row.querySelectorAll("[name]")]);
    for (const field of parts) field.disabled = on;
  }
  function lockAll(on) {
    lock([...all(), find("shared")], on);
    for (const one of [chooser, ...rows.querySelectorAll("[data-apart]")]) one.disabled = on;
  }

  // --- sending -----------------------------------------------------------------------------------------------------

  // Is it in order, as far as the row tells?
  async function looked(row) {
    problem(row, "");
    if (size(row) > Number(text.maxMb) * 1e6) {
      badge(row, "failed", text.textFailed, "stopt");
      problem(row, text.textLarge);
      return false;
    }
    try {
      const { state, label, hint } = await (await ask("/opnamen/consult", fields(row), FORM)).json();
      note(row, hint ?? "");
      if (state === "READY") badge(row, "ready", text.textReady, "open");
      else badge(row, state, label, "wacht");
      return state === "READY";
    } catch (wrong) {
      badge(row, "wrong", text.textWrong, "stopt");
      problem(row, wrong.message);
      const there = (name) => row.querySelector(`[name=${name}]`).value;
      if (there("kenmerk") && there("anderen")) row.querySelector("[data-more]").open = true;
      return false;
    }
  }

  // the SHA-256 of each file of a row; null when somebody pressed stop
  function summed(row, bar) {
    const whole = size(row);
    const worker = new Worker(new URL("./hash-worker.js", import.meta.url), { type: "module" });
    return new Promise((resolve, reject) => {
      sending = { abort: () => resolve(null) };
      worker.onerror = () => reject(new Error(text.textUnreadable));
      worker.onmessage = ({ data }) => {
        if (data.unreadable) reject(new Error(text.textUnreadable));
        else if (data.sums) resolve(data.sums);
        else bar.value = data.done / whole;
        document.dispatchEvent(new Event("upload-progress"));
      };
      worker.postMessage({ files: names(row).map((name) => files.get(name)) });
    }).finally(() => {
      sending = null;
      worker.terminate();
    });
  }

  const bytes = new TextEncoder();
  function together(sums) {
    const whole = new Sha256().update(bytes.encode(MARK));
    for (const sum of [...sums].sort()) whole.update(unhex(sum));
    return hex(whole.digest());
  }

  function recording(row, shift) {
    const parts = names(row).map((name) => files.get(name));
    if (parts.length === 1) return parts[0];
    const later = shift ? Number(shift.replace(",", ".")) : null;
    const starts = later === null ? [null, null] : [Math.max(0, -later), Math.max(0, later)];
    const head = JSON.stringify(parts.map((part, n) => ({ bytes: part.size, start_s: starts[n] })));
    return new Blob([MARK, head, "\n", ...parts]);
  }

  // null when it is stored, else why not
  function put(path, body, step) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      sending = request;
      request.open("PUT", path);
      request.responseType = "json";
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("X-CSRF-Token", text.token);
      request.upload.addEventListener("progress", (now) => {
        step(now.loaded);
        document.dispatchEvent(new Event("upload-progress"));
      });
      request.addEventListener("load", () => {
        if (request.status === 401) away();
        resolve(request.status === 201 ? null : request.response?.error ?? text.textLost);
      });
      request.addEventListener("error", () => resolve(text.textLost));
      request.addEventListener("abort", () => resolve(""));
      request.send(body);
    }).finally(() => { sending = null; });
  }

  // stopped, or left out
  const gone = (row) => stopped || !rows.contains(row);

  // `step` hears how many bytes are there
  async function send(row, step) {
    const bar = row.querySelector("[data-progress]");
    const whole = size(row);
    bar.hidden = false;
    bar.value = 0;
    try {
      badge(row, "busy", text.textLooking, "bezig");
      const sums = await summed(row, bar);
      const stop = () => badge(row, "stopped", text.textStopped, "wacht");
      if (!sums || gone(row)) return stop();
      const filled = fields(row);
      filled.set("sha256", sums.length === 1 ? sums[0] : together(sums));
      const answer = await (await ask("/opnamen/consult", filled, FORM)).json();
      if (answer.consult) row.dataset.consult = answer.consult;
      if (!answer.put) {
        if (!answer.consult || !HAS.includes(answer.state)) return badge(row, answer.state, answer.label, "wacht");
        badge(row, "present", text.textPresent, "klaar");
        return remember(answer.consult);
      }
      if (gone(row)) return stop();
      badge(row, "busy", text.textSending, "bezig");
      const wrong = await put(answer.put, recording(row, filled.get("verschuiving")), (loaded) => {
        bar.value = loaded / whole;
        if (loaded >= whole) badge(row, "busy", text.textChecking, "bezig");
        step(loaded);
      });
      if (wrong === null) {
        badge(row, "stored", text.textStored, "klaar");
        remember(answer.consult);
      } else if (wrong) throw new Error(wrong);
      else stop();
    } catch (failed) {
      badge(row, "failed", text.textFailed, "stopt");
      problem(row, failed.message);
    } finally {
      bar.hidden = true;
      if (!rows.contains(row)) remember(row.dataset.consult); // it may be there all the same: then it is shown below
      row.classList.toggle("batch-over", OVER.includes(row.dataset.state));
    }
  }

  function remaining(seconds) {
    const minutes = Math.round(seconds / 60);
    const time = minutes
      ? text.textMinutes.replace("{minutes}", minutes)
      : text.textSeconds.replace("{seconds}", Math.max(5, Math.round(seconds / 5) * 5));
    return text.textLeft.replace("{time}", time);
  }

  async function run() {
    hush();
    stopped = false;
    const stopper = find("stop");
    const starter = find("start");
    starter.disabled = true;
    lockAll(true);
    const todo = [];
    for (const row of open()) if (!stopped && (await looked(row))) todo.push(row);
    lock(all().filter((row) => !todo.includes(row)), false); // what waits can be filled in meanwhile
    const total = todo.reduce((sum, row) => sum + size(row), 0);
    const bar = root.querySelector("#totaal");
    find("total").hidden = !todo.length;
    stopper.hidden = !todo.length;
    if (form.contains(document.activeElement) || document.activeElement === document.body) stopper.focus();
    const began = performance.now();
    let done = 0;
    let told = 0;
    for (const [place, row] of todo.entries()) {
      const tell = (loaded) => {
        bar.value = total ? (done + loaded) / total : 1;
        if (loaded && performance.now() - told < TELL_MS) return; // the bar moves; words are read aloud
        told = performance.now();
        const here = text.textTotal.replace("{done}", place).replace("{all}", todo.length);
        const seconds = (((told - began) / 1000) * (total - done - loaded)) / (done + loaded);
        said.textContent = done + loaded ? `${here} ${remaining(seconds)}` : here;
      };
      tell(0);
      current = row;
      const bytes = size(row);
      if (stopped) badge(row, "stopped", text.textStopped, "wacht");
      else if (!gone(row)) await send(row, tell);
      done += bytes;
    }
    find("total").hidden = true;
    const waiting = [stopper, document.body].includes(document.activeElement);
    stopper.hidden = true;
    starter.disabled = false;
    const count = (...states) => all().filter((row) => states.includes(row.dataset.state)).length;
    const settled = count("stored", "present", "NO_CONSENT");
    said.textContent = text.textEnd
      .replace("{stored}", count("stored"))
      .replace("{present}", count("present"))
      .replace("{waiting}", count("NO_CONSENT"))
      .replace("{wrong}", all().length - settled);
    starter.hidden = !open().length;
    if (waiting) (starter.hidden ? find("summary") : starter).focus();
    await standing();
  }

  // --- what was sent -----------------------------------------------------------------------------------------------

  const sent = () => JSON.parse(sessionStorage.getItem(SENT) ?? "[]").filter(Boolean);
  function remember(consult) {
    if (!consult) return;
    sessionStorage.setItem(SENT, JSON.stringify([...new Set([...sent(), consult])].slice(-1000)));
  }

  let again = null;
  async function standing() {
    clearTimeout(again);
    const place = find("standing");
    if (!sent().length) return;
    const answer = await asJson("/opnamen/stand", { consults: sent() }).catch(() => null);
    if (answer) {
      const focused = place.contains(document.activeElement) && document.activeElement.getAttribute("href");
      place.innerHTML = await answer.text();
      if (focused) place.querySelector(`[href="${focused}"]`)?.focus();
      place.hidden = false;
    }
    if (!answer || place.querySelector("[data-moving]")) again = setTimeout(standing, LOOK_AGAIN_MS);
  }

  // --- by hand -----------------------------------------------------------------------------------------------------

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await adding;
      await run();
    } finally {
      current = null;
      lockAll(false);
      ready(form);
    }
  });
  find("stop").addEventListener("click", () => {
    stopped = true;
    sending?.abort();
  });
  rows.addEventListener("click", async (event) => {
    const row = event.target.closest("[data-row]");
    if (event.target.closest("[data-remove]")) {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      if (row === current) sending?.abort();
      for (const name of names(row)) files.delete(name);
      form.hidden = !rows.children.length;
      (next?.querySelector("[data-remove]") ?? find("files")).focus();
    } else if (event.target.closest("[data-apart]")) {
      for (const name of names(row)) apart.add(name);
      await inTurn(() => refresh(false).catch((failed) => say(failed.message)));
      find("rows").querySelector("[data-row]:last-child input:not([type=hidden])")?.focus();
    }
  });
  // Enter in a field is no decision to send everything
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
  });
  find("list").addEventListener("click", async () => {
    const asked = [...files].map(([name, file]) => ({ name, size: file.size }));
    const answer = await asJson("/opnamen/lijst.csv", { files: asked }).catch((failed) => say(failed.message));
    if (answer) save(await answer.blob(), "opnamen.csv");
  });
  const STATES = { wrong: "BAD_ROW", failed: "FAILED" };
  // what the server called it stays that; else it is to be done
  const standOf = (state) => STATES[state] ?? (/^[A-Z_]+$/.test(state) ? state : "READY");
  find("summary").addEventListener("click", async () => {
    const told = all().map((row) => ({
      bestand: names(row)[0],
      tweede_bestand: names(row)[1] ?? "",
      kenmerk: row.querySelector("[name=kenmerk]").value,
      consult: row.dataset.consult ?? "",
      stand: standOf(row.dataset.state ?? ""),
      reden: row.querySelector("[data-problem]").textContent,
    }));
    const answer = await asJson("/opnamen/overzicht.csv", { rows: told }).catch((failed) => say(failed.message));
    if (answer) save(await answer.blob(), "overzicht.csv");
  });

  const chooser = find("files");
  chooser.addEventListener("change", async () => {
    const chosen = [...chooser.files].map((file) => [file.webkitRelativePath || file.name, file]);
    await add(chosen);
    chooser.value = "";
  });

  // what lies in a dropped folder has its name within that folder, as in the list
  async function inside(entry, before) {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      return [[before + entry.name, file]];
    }
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return found;
      for (const one of some) found.push(...(await inside(one, `${before}${entry.name}/`)));
    }
  }
  async function dropped(transfer) {
    const loose = [...transfer.files].map((file) => [file.name, file]);
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return loose;
    const found = (await Promise.all(entries.map((entry) => inside(entry, "")))).flat();
    const folder = entries.length === 1 ? `${entries[0].name}/` : "";
    return found.map(([name, file]) => [name.slice(folder.length), file]);
  }
  // anywhere on the page: a browser would leave it and show the file
  const zone = find("drop");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("drop-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("drop-over");
  });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("drop-over");
    if (root.isConnected) await add(await dropped(event.dataTransfer));
  });

  // --- nobody is there, or somebody logged out elsewhere -------------------------------------------------------------

  // what was filled in waits for whoever did that, where nobody sees it
  let forget = null;
  for (const kind of ["session:locked", "session:over"]) {
    document.addEventListener(kind, (event) => {
      if (leaving || !open().length) return;
      event.preventDefault();
      stopped = true;
      sending?.abort();
      forget ??= setTimeout(() => (leaving = true), KEPT_MS); // at the next look the page goes
      shut();
    });
  }
  document.addEventListener("session:open", ({ detail }) => {
    clearTimeout(forget);
    forget = null;
    root.dataset.token = detail.token;
    opened(detail);
  });
  document.addEventListener("session:leave", () => (leaving = true));

  window.addEventListener("beforeunload", (event) => {
    if (!leaving && (sending || open().length)) event.preventDefault();
  });
  if (sent().length) {
    find("earlier").hidden = false;
    standing();
  }
}
