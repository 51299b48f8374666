// The microphone, and for a video call the sound of a tab or the computer, as frames to the keeper.
const EARS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const CHOICE = "microfoon"; // a preference of this browser, nothing of a patient

const chosen = () => localStorage.getItem(CHOICE) ?? "";
export const choose = (device) => localStorage.setItem(CHOICE, device);

// The microphones there are, in a <select>. `device`: the one in use, else the one that was chosen before.
export async function offer(list, standard, device) {
  const all = await navigator.mediaDevices.enumerateDevices();
  const found = all.filter((one) => one.kind === "audioinput" && one.deviceId);
  const current = device || chosen();
  list.replaceChildren(
    ...(found.length ? found : [{ deviceId: "", label: standard }]).map(
      ({ deviceId, label }) => new Option(label || standard, deviceId, false, deviceId === current),
    ),
  );
}

// The name of the text for what `open` and `change` raised.
export function why({ name }, channels) {
  if (name === "NoSoundShared") return "no-sound-shared";
  if (name === "NotAllowedError") return channels === 2 ? "denied-call" : "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "no-microphone";
  return "in-use";
}

// Raises what getUserMedia and getDisplayMedia raise; "NoSoundShared" when a tab came without its sound.
export class Capture {
  constructor({ worklet, level, lost }) {
    Object.assign(this, { worklet, level, lost, streams: [], sources: [] });
  }

  // the right to share comes first: it must follow a click
  async open({ call }) {
    if (call) this.streams[1] = await shared();
    try {
      this.streams[0] = await microphone(chosen());
    } catch (problem) {
      this.close();
      throw problem;
    }
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule(this.worklet);
    this.node = new AudioWorkletNode(this.context, "recorder", {
      numberOfInputs: this.streams.length,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    this.node.port.onmessage = ({ data }) => this.level(data.levels, data.powers);
    this.node.connect(this.context.destination); // silence: a node that leads nowhere is not run
    this.streams.forEach((_, input) => this.plug(input));
    this.context.onstatechange = () => {
      if (["suspended", "interrupted"].includes(this.context.state)) this.context.resume();
    };
  }

  get running() {
    return this.context?.state === "running";
  }

  // false: the browser wants a click first
  async awake() {
    if (!this.running) await Promise.race([this.context.resume(), new Promise((resolve) => setTimeout(resolve, 700))]);
    return this.running;
  }

  plug(input) {
    this.sources[input]?.disconnect();
    const stream = this.streams[input];
    this.sources[input] = this.context.createMediaStreamSource(new MediaStream(stream.getAudioTracks()));
    this.sources[input].connect(this.node, 0, input);
    const [track] = stream.getAudioTracks();
    track.onended = () => this.streams[input] === stream && this.lost(input);
  }

  // Another one in the place of the one there was; the recording goes on.
  async change(input) {
    const stream = input ? await shared() : await microphone(chosen());
    if (this.closed) return stop(stream); // while the browser asked
    stop(this.streams[input]);
    this.streams[input] = stream;
    this.plug(input);
    this.enable(this.enabled);
  }

  get device() {
    return this.streams[0]?.getAudioTracks()[0]?.getSettings().deviceId ?? "";
  }

  connect(keeper) {
    this.node.port.postMessage({ keeper }, [keeper]);
  }

  turn(on) {
    this.enable(on);
    this.node.port.postMessage({ on });
  }

  enable(on) {
    this.enabled = on;
    for (const stream of this.streams) for (const track of stream.getAudioTracks()) track.enabled = on;
  }

  close() {
    this.closed = true;
    this.streams.forEach(stop);
    this.context?.close();
  }
}

const stop = (stream) => stream?.getTracks().forEach((track) => track.stop());

async function microphone(device) {
  try {
    const deviceId = device ? { exact: device } : undefined;
    return await navigator.mediaDevices.getUserMedia({ audio: { ...EARS, deviceId } });
  } catch (problem) {
    // the one of last time is not there
    if (!device || (problem.name !== "OverconstrainedError" && problem.name !== "NotFoundError")) throw problem;
    return navigator.mediaDevices.getUserMedia({ audio: EARS });
  }
}

async function shared() {
  const stream = await navigator.mediaDevices.getDisplayMedia({
    video: true, // browsers share no sound alone
    audio: { ...EARS, suppressLocalAudioPlayback: false },
    systemAudio: "include",
    selfBrowserSurface: "exclude",
  });
  if (stream.getAudioTracks().length) {
    for (const track of stream.getVideoTracks()) track.stop();
    return stream;
  }
  stop(stream);
  throw Object.assign(new Error("no sound"), { name: "NoSoundShared" });
}
