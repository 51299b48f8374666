// Frames on this device, sealed one by one. The key comes from the server and is never kept here: without a session,
// and after the consult was destroyed, what lies here can't be read by anybody.
const NAME = "transcribe-opname";
const IV_BYTES = 12;

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
const committed = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });

async function database() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("frames"); // [consult, number]: iv and sealed samples
    request.result.createObjectStore("recordings"); // consult: what the sender must know after a crash
  };
  const opened = await done(request);
  opened.onversionchange = () => opened.close();
  return opened;
}

// [{ consult, frames }] of everything that lies here
export async function kept() {
  const transaction = (await database()).transaction(["frames", "recordings"]);
  const consults = await done(transaction.objectStore("recordings").getAllKeys());
  const frames = transaction.objectStore("frames");
  return Promise.all(consults.map(async (consult) => ({ consult, frames: await done(frames.count(all(consult))) })));
}

export async function clear(consult) {
  const transaction = (await database()).transaction(["frames", "recordings"], "readwrite");
  transaction.objectStore("frames").delete(all(consult));
  transaction.objectStore("recordings").delete(consult);
  await committed(transaction);
}

// what its sender must know
export async function mark(consult, fields) {
  const store = (await database()).transaction("recordings", "readwrite").objectStore("recordings");
  const note = await done(store.get(consult));
  if (note) store.put({ ...note, ...fields }, consult);
  await committed(store.transaction);
}

const all = (consult) => IDBKeyRange.bound([consult, 0], [consult, Infinity]);

export class Shelf {
  static async open(consult, key) {
    const shelf = new Shelf();
    shelf.consult = consult;
    shelf.key = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
    shelf.database = await database();
    return shelf;
  }

  async note() {
    return done(this.database.transaction("recordings").objectStore("recordings").get(this.consult));
  }

  async numbers() {
    return (await done(this.frames("readonly").getAllKeys(all(this.consult)))).map(([, number]) => number);
  }

  // frames: [[number, Int16Array's buffer], ...]; they are on disk, with the note, when this is done. `only`: in the place
  // of all that is there
  async put(frames, note, only = false) {
    const sealed = await Promise.all(frames.map(async ([number, pcm]) => [number, await this.seal(number, pcm)]));
    const transaction = this.database.transaction(["frames", "recordings"], "readwrite", { durability: "strict" });
    if (only) transaction.objectStore("frames").delete(all(this.consult));
    for (const [number, value] of sealed) transaction.objectStore("frames").put(value, [this.consult, number]);
    transaction.objectStore("recordings").put(note, this.consult);
    await committed(transaction);
  }

  // up to `most` frames from this one on
  async read(number, most) {
    const range = IDBKeyRange.bound([this.consult, number], [this.consult, number + most], false, true);
    const store = this.frames("readonly");
    const [keys, values] = await Promise.all([done(store.getAllKeys(range)), done(store.getAll(range))]);
    return Promise.all(keys.map(async ([, n], i) => [n, await this.unseal(n, values[i])]));
  }

  async remove(from, to) {
    const store = this.frames("readwrite");
    store.delete(IDBKeyRange.bound([this.consult, from], [this.consult, to], false, true));
    await committed(store.transaction);
  }

  frames(mode) {
    return this.database.transaction("frames", mode).objectStore("frames");
  }

  // bound to its place: a frame opens as no other one
  place(number) {
    return new TextEncoder().encode(`${this.consult} ${number}`);
  }

  async seal(number, pcm) {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const how = { name: "AES-GCM", iv, additionalData: this.place(number) };
    const sealed = new Uint8Array(await crypto.subtle.encrypt(how, this.key, pcm));
    const value = new Uint8Array(IV_BYTES + sealed.length);
    value.set(iv);
    value.set(sealed, IV_BYTES);
    return value;
  }

  async unseal(number, value) {
    const how = { name: "AES-GCM", iv: value.subarray(0, IV_BYTES), additionalData: this.place(number) };
    return crypto.subtle.decrypt(how, this.key, value.subarray(IV_BYTES));
  }
}
