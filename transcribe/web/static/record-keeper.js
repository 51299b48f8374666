// A worker: numbers the frames, keeps them on this device, sends them, and forgets what the server has on disk.
import { LOG_IN, Line } from "./record-line.js";
import { Shelf, clear } from "./record-shelf.js";
import { FRAME } from "./record-sound.js";

const FRAME_MS = 100;
const MOST_IN_MEMORY = 600; // frames
const READ = 50; // frames read back at once
const TELL_MS = 120;
const AGAIN_MS = 2000;
// a gap in the sound is heard as one: what was said before and after it is no sentence
const PAUSE_FRAMES = 10;
// the sound may run so far behind the clock before that is a gap; of a longer one so much is filled
const LAG_FRAMES = 20;
const MOST_FILLED = 6000;
// after the last sound of a device that answers no more
const REST_MS = 1000;

let state = null;
const page = (message) => self.postMessage(message);
const failed = (problem) => page({ failed: problem?.name ?? "Error" });
self.onunhandledrejection = ({ reason }) => failed(reason);

const orders = {
  // is it free, and was it made here?
  async look({ consult, url }) {
    if (!(await held(consult))) {
      page({ looked: { free: false } });
      await held(consult, true);
    }
    const how = { headers: { Accept: "application/json" } };
    const answer = await fetch(`/consult/${consult}/opname/sleutel`, how).catch(() => ({ status: 503 }));
    if (answer.status === 410) await clear(consult);
    if (!answer.ok) return page({ looked: { free: true, refused: answer.status } });
    state = new Keeper(await Shelf.open(consult, await answer.arrayBuffer()), url);
    const note = await state.recall();
    page({ looked: { free: true, note } });
    if (note) state.tell();
  },
  begin: ({ channels }) => state.begin(channels),
  port: ({ port }) => state.listen(port),
  connect: () => state.line.connect(),
  pause: ({ aside, step }) => state.turn(true, aside, step),
  resume: ({ step }) => state.turn(false, false, step),
  end: () => state.finish(),
  silence: () => state.stop(),
};
self.onmessage = ({ data }) => orders[data.do](data);

// the right to record this consult in this browser; it ends with the tab
function held(consult, wait = false) {
  return new Promise((resolve) => {
    navigator.locks.request(`opname-${consult}`, { ifAvailable: !wait }, (lock) => {
      resolve(Boolean(lock));
      return lock ? new Promise(() => {}) : null;
    });
  });
}

const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

class Keeper {
  constructor(shelf, url) {
    this.shelf = shelf;
    this.next = 0; // the frame that is made now
    this.kept = 0; // all before it are on this device
    this.acked = 0; // all before it are safe with the server
    this.sent = 0; // the next to be sent
    this.queue = [];
    this.memory = new Map();
    // paused, aside: as wanted here. told: the server knows it.
    this.note = { channels: 1, paused: false, aside: false, told: true, ending: false, turn: "" };
    this.line = new Line(url, {
      heard: (message) => {
        this.talk = this.talk.then(() => this.heard(message)).catch(failed); // what comes next is heard all the same
      },
      lost: (code, over) => this.lost(code, over),
      turn: "",
    });
    this.since = 0; // frames before it are of an earlier stretch
    this.clock = null;
    this.cut = 0; // what still comes after this moment is not of the recording any more
    this.talk = Promise.resolve();
  }

  // what is left of an earlier page
  async recall() {
    const note = await this.shelf.note();
    if (!note) return null;
    this.note = note;
    this.line.turn = note.turn;
    const numbers = await this.shelf.numbers();
    this.acked = this.sent = numbers[0] ?? note.next;
    this.next = this.kept = this.since = Math.max(note.next, (numbers.at(-1) ?? -1) + 1);
    this.before = note.at;
    return note;
  }

  // a recording that begins here, or goes on here from another screen
  async begin(channels) {
    this.over = this.closed = false;
    this.problem = null;
    this.line.turn = "";
    this.note = { ...this.note, channels, paused: false, aside: false, told: true, ending: false };
    // while another screen recorded, nothing was missed here
    this.clock = this.before = null;
    if (this.next) this.silence(PAUSE_FRAMES);
    await this.write();
    this.line.connect();
  }

  listen(port) {
    this.since = this.next;
    this.over = Boolean(this.closed || this.note.ending);
    port.onmessage = ({ data }) => (data === "all" ? this.rested?.() : this.take(data));
  }

  // --- on this device ---

  take({ pcm, at }) {
    if (this.over || (this.note.paused && performance.now() > this.cut)) return;
    if (this.before) {
      this.silence(Math.floor((at - this.before) / FRAME_MS) - 1);
      this.before = null;
    }
    this.clock ??= { at: at - FRAME_MS, frames: 0 };
    const lag = Math.floor((at - this.clock.at) / FRAME_MS) - this.clock.frames - 1;
    if (lag >= LAG_FRAMES) {
      this.silence(lag);
      this.clock = { at: at - FRAME_MS, frames: 0 };
    }
    this.clock.frames += 1;
    this.add(pcm);
  }

  silence(frames) {
    for (let i = 0; i < Math.min(frames, MOST_FILLED); i += 1) this.add(this.nothing());
  }

  nothing() {
    return new Int16Array(FRAME * this.note.channels).buffer;
  }

  add(pcm) {
    if (this.held) {
      this.held.push(pcm); // its number is being decided
      return;
    }
    this.queue.push([this.next, pcm]);
    this.next += 1;
    this.write();
  }

  // one transaction at a time, with all that came meanwhile
  async write() {
    this.dirty = true;
    this.writing ??= (async () => {
      while (this.dirty) {
        this.dirty = false;
        const frames = this.queue.splice(0);
        this.note = { ...this.note, next: this.next, turn: this.line.turn };
        if (frames.length) this.note.at = Date.now();
        try {
          await this.shelf.put(frames, this.note);
          this.unkept = false;
        } catch {
          this.unkept = true; // no room on this device: it goes to the server from memory
        }
        for (const [number, pcm] of frames) {
          if (this.unkept || this.memory.size < MOST_IN_MEMORY) this.memory.set(number, pcm);
        }
        this.kept += frames.length;
        this.pump();
        this.tell();
      }
    })().finally(() => {
      this.writing = null;
    });
    await this.writing;
  }

  // --- to the server ---

  async pump() {
    this.more = true;
    if (this.pumping) return;
    this.pumping = true;
    try {
      while (this.more) {
        this.more = false;
        await this.flow();
      }
    } finally {
      this.pumping = false; // what could not be read now is tried again with the next sound
    }
  }

  async flow() {
    const { line } = this;
    while (line.room && this.hello && this.sent < this.kept) {
      if (!this.memory.has(this.sent)) await this.fetch();
      // acknowledged or connected anew meanwhile
      if (!line.room || !this.hello || this.sent >= this.kept) continue;
      line.sound(this.sent, this.memory.get(this.sent) ?? this.nothing());
      this.sent += 1;
    }
    if (!line.ready || !this.hello) return;
    if (this.sent < this.kept) {
      setTimeout(() => this.pump(), 50); // the network takes no more for now
    } else if (!this.note.told && !this.asked) {
      this.asked = true;
      line.say(this.note.paused ? { pause: true, aside: this.note.aside } : { resume: true });
    } else if (this.note.ending && this.kept === this.next && !this.said) {
      this.said = true;
      line.say({ end: this.next });
    }
  }

  async fetch() {
    const from = this.sent;
    const found = await this.shelf.read(from, READ);
    for (const [number, pcm] of found) if (number >= this.acked) this.memory.set(number, pcm);
  }

  async heard(message) {
    if (message.turn) await this.met(message);
    if (message.ack !== undefined) this.safe(message.ack);
    if (message.wanted !== undefined) this.sent = Math.min(this.sent, message.wanted);
    if (message.paused !== undefined && !message.turn) this.turned(message);
    if (message.error) this.problem = { code: message.code, text: message.error };
    else if (message.ack !== undefined || message.turn) this.problem = null;
    if (message.stored) await this.stored(message);
    if (message.code === "destroyed" || message.code === "nothing") await this.forget();
    this.pump();
    this.tell();
  }

  // The server has all before `resume_from`. Is that our sound?
  async met(message) {
    this.held = [];
    try {
      await this.agree(message);
      this.hello = true;
    } finally {
      const held = this.held;
      this.held = null;
      for (const pcm of held) this.add(pcm);
      this.write();
    }
  }

  async agree({ resume_from: from, channels, paused, aside, mark }) {
    if (this.note.channels !== channels) this.note = { ...this.note, channels };
    await this.writing;
    const ours = from <= this.acked || (from <= this.next && (!mark || (await this.mark(from - 1)) === mark));
    if (ours) this.safe(from);
    else await this.move(from);
    if (from < this.acked && this.acked === this.next) {
      // the server has less than it said: from here on it is that many frames shorter
      this.acked = this.next = this.kept = from;
    }
    this.sent = from;
    if (this.note.told) this.note = { ...this.note, paused, aside };
    this.asked = this.said = false;
  }

  async mark(number) {
    const pcm = (await this.frames(number, number + 1)).get(number);
    return pcm ? hex(await crypto.subtle.digest("SHA-256", pcm)) : "";
  }

  // of these numbers what there is on this device, also in memory alone (its disk is full)
  async frames(from, to) {
    const found = new Map();
    for (let n = from; n < to; n += READ) {
      for (const [number, pcm] of await this.shelf.read(n, Math.min(READ, to - n))) found.set(number, pcm);
    }
    for (const [number, pcm] of this.memory) if (number >= from && number < to) found.set(number, pcm);
    return found;
  }

  // Somebody else went on meanwhile: what we have and the server has not comes behind it.
  async move(from) {
    const rest = [...(await this.frames(this.acked, this.kept))].sort(([one], [other]) => one - other);
    const moved = rest.map(([, pcm], i) => [from + i, pcm]);
    this.memory.clear();
    try {
      await this.shelf.put(moved, this.note, true);
    } catch {
      this.unkept = true;
      for (const [number, pcm] of moved) this.memory.set(number, pcm);
    }
    this.since = from + Math.max(0, this.since - this.acked);
    this.acked = from;
    this.next = this.kept = from + moved.length;
  }

  safe(number) {
    if (number <= this.acked) return;
    for (let n = this.acked; n < number; n += 1) this.memory.delete(n);
    this.acked = number;
    this.sent = Math.max(this.sent, number);
    this.removing ??= this.shelf.remove(0, number).finally(() => {
      this.removing = null;
    });
  }

  // --- what is asked and what is told ---

  turn(paused, aside, step) {
    this.step = step; // so that the page knows which of its words this is the answer to
    if (this.note.paused === paused) return;
    this.cut = performance.now() + REST_MS;
    this.clock = this.before = null;
    if (!paused) this.resumed();
    this.note = { ...this.note, paused, aside, told: false };
    this.asked = false;
    this.write();
  }

  resumed() {
    this.silence(PAUSE_FRAMES);
    this.since = this.next;
  }

  // answered, or pressed on another screen
  turned({ paused, aside, ack, code }) {
    if (code === "not-done") {
      setTimeout(() => {
        this.asked = false;
        this.pump();
      }, AGAIN_MS);
    } else if (ack !== undefined) {
      this.note = { ...this.note, told: paused === this.note.paused };
      this.asked = false;
      this.write();
    } else if (this.note.told && paused !== this.note.paused) {
      this.clock = this.before = null;
      if (!paused) this.resumed();
      this.note = { ...this.note, paused, aside: Boolean(aside) };
      this.write();
    }
  }

  async finish() {
    if (this.clock && !this.note.paused) {
      await new Promise((resolve) => {
        this.rested = resolve;
        setTimeout(resolve, REST_MS);
      });
    }
    this.stop();
    this.note = { ...this.note, ending: true };
    await this.write();
    this.pump();
    this.tell();
  }

  // nothing more is taken in
  stop() {
    this.over = true;
  }

  lost(code, over) {
    this.hello = false;
    if (code === LOG_IN) this.problem = { code: "log-in" };
    else if (over) this.stop(); // else what is made until the page stops is kept for after the log-in
    this.closed = over;
    this.tell();
  }

  // Finished, by us or without us.
  async stored({ page: url, frames }) {
    this.stop();
    await this.writing;
    const safe = Math.max(frames, this.acked);
    if (this.kept > safe) await this.shelf.remove(0, safe);
    else await clear(this.shelf.consult);
    this.page = url;
  }

  async forget() {
    this.stop();
    await this.writing;
    await clear(this.shelf.consult);
    this.acked = this.kept = this.next;
    this.memory.clear();
  }

  tell() {
    this.telling ??= setTimeout(() => {
      this.telling = null;
      const { next, acked, since, step = 0, problem, unkept, page: stored, closed } = this;
      const { paused, aside, ending, channels } = this.note;
      const known = { next, acked, since, step, problem, unkept, stored, closed, paused, aside, ending, channels };
      page({ now: { ...known, online: Boolean(this.hello) } });
    }, TELL_MS);
  }
}
