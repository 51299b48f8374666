// The review page: each behaviour is a module of its own.
import "./utterances.js"; // first: the others look for what it puts in
import "./gate.js";
import "./rest.js";
import "./keep.js";
import "./edit.js";
import "./evidence.js";
import "./player.js";
import "./wave.js";
import "./keys.js";
