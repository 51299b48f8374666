// The connection to the server: docs/live-ingest.md. Comes back by itself, until the server says that it is over.
const AGAIN_MS = [300, 1000, 2000, 4000];
const ELSEWHERE_MS = 5000;
// nothing heard for so long while something was sent: the network is gone, and nobody told us
const DEAF_MS = 12_000;
const MOST_BUFFERED = 512 * 1024;
export const LOG_IN = 4401;
const NO_FURTHER = 4409;
const DONE = 1000;

export class Line {
  // heard(message); lost(code, over): the server is not there, and whether we do not come back by ourselves
  constructor(url, { heard, lost, turn }) {
    Object.assign(this, { url, heard, lost, turn, tries: 0, socket: null, ready: false });
    setInterval(() => this.look(), 1000);
    self.addEventListener("online", () => this.timer && !this.socket && this.connect());
  }

  connect() {
    clearTimeout(this.timer);
    this.drop();
    const socket = new WebSocket(this.url + (this.turn ? `?beurt=${this.turn}` : ""));
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heardAt = performance.now();
    this.elsewhere = false;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      this.heardAt = performance.now();
      this.waiting = false;
      if (message.turn) {
        this.turn = message.turn;
        this.ready = true;
        this.tries = 0;
      }
      if (message.code === "elsewhere") this.elsewhere = true;
      this.heard(message);
    };
    socket.onclose = ({ code }) => this.gone(code);
  }

  gone(code) {
    this.drop();
    const over = code === DONE || code === NO_FURTHER || code === LOG_IN;
    this.lost(code, over);
    if (over) {
      this.timer = null;
      return;
    }
    const wait = this.elsewhere ? ELSEWHERE_MS : AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)];
    this.tries += 1;
    this.timer = setTimeout(() => this.connect(), wait);
  }

  // without a close handshake: a dead connection would not answer it
  drop() {
    if (!this.socket) return;
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
    this.ready = false;
  }

  look() {
    if (!this.socket || performance.now() - this.heardAt < DEAF_MS) return;
    if (!this.ready || this.waiting) this.gone(1006);
    else this.heardAt = performance.now();
  }

  get room() {
    return this.ready && this.socket.bufferedAmount < MOST_BUFFERED;
  }

  sound(number, pcm) {
    const message = new Uint8Array(4 + pcm.byteLength);
    new DataView(message.buffer).setUint32(0, number);
    message.set(new Uint8Array(pcm), 4);
    this.send(message);
  }

  say(order) {
    this.send(JSON.stringify(order));
  }

  send(message) {
    if (!this.waiting) this.heardAt = performance.now();
    this.waiting = true;
    this.socket.send(message);
  }
}
