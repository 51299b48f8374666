// Beside the page, so that it stays quick: files in, their SHA-256 out, and now and then how far it is.
import { Sha256, hex } from "./hash.js";

const PIECE = 4 << 20;

onmessage = async ({ data: { files } }) => {
  try {
    const sums = [];
    let done = 0;
    for (const file of files) {
      const sum = new Sha256();
      for (let at = 0; at < file.size; at += PIECE) {
        const piece = new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
        sum.update(piece);
        postMessage({ done: (done += piece.length) });
      }
      sums.push(hex(sum.digest()));
    }
    postMessage({ sums });
  } catch {
    postMessage({ unreadable: true });
  }
};
