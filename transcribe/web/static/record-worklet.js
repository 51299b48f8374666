// In the sound thread: frames go straight to the worker that keeps them, levels to the page.
import { Framer } from "./record-sound.js";

class Recorder extends AudioWorkletProcessor {
  constructor({ numberOfInputs }) {
    super();
    this.framer = new Framer(sampleRate, numberOfInputs);
    this.on = false;
    this.port.onmessage = ({ data }) => {
      if (data.keeper) this.keeper = data.keeper;
      if (data.on !== undefined) this.turn(data.on);
    };
  }

  turn(on) {
    if (!on && this.on) {
      this.give(this.framer.rest());
      this.keeper.postMessage("all");
    }
    this.on = on;
  }

  process(inputs) {
    if (this.on) {
      const blocks = inputs.map((input) => input[0]);
      this.give(this.framer.take(blocks, blocks.find(Boolean)?.length ?? 128));
    }
    return true;
  }

  give(frames) {
    for (const { pcm, levels, powers } of frames) {
      this.keeper.postMessage({ pcm: pcm.buffer, at: Date.now() }, [pcm.buffer]);
      this.port.postMessage({ levels, powers });
    }
  }
}

registerProcessor("recorder", Recorder);
