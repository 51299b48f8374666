// The review page: each behaviour is a module of its own.
import "./gate.js";
import "./rest.js";
import "./keep.js";
import "./edit.js";
import "./evidence.js";
import "./player.js";
import "./wave.js";
import "./keys.js";
