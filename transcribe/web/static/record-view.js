// What the screen says for what is known of a recording. Pure: names of texts, no words.
const BEHIND_S = 3; // so far behind is worth a word

export function view({ now, capturing, lost, quiet, broken, problem }) {
  const behind = Math.ceil((now.next - now.acked) / 10);
  const late = behind >= BEHIND_S || !now.online;
  return {
    head: head(now, capturing),
    detail: now.closed && behind ? "left" : late && behind ? "behind" : now.paused ? "still" : "safe",
    behind: seconds(now.next - now.acked),
    warning: warning(now, { capturing, lost, quiet, broken, problem, late: late && behind >= BEHIND_S }),
    time: now.next / 10,
    safe: now.acked / 10,
    recording: capturing && !now.paused && !now.ending,
  };
}

function head(now, capturing) {
  if (now.stored) return "stored";
  if (now.closed) return "over";
  if (now.ending) return "ending";
  if (now.paused) return now.aside ? "aside" : "paused";
  if (!capturing) return "idle";
  if (now.acked > now.since) return "running";
  return now.online ? "starting" : "local";
}

// the one that matters most; a text of the server's own is { text }
function warning(now, { capturing, lost, quiet, broken, problem, late }) {
  if (now.problem?.code === "log-in") return "log-in";
  const { code, text } = now.problem ?? {};
  if (text && (now.online || now.closed || code === "elsewhere")) return { text };
  if (now.stored || now.closed) return null;
  if (problem) return problem;
  if (capturing && !now.paused && !now.ending) {
    if (lost[0]) return "lost";
    if (lost[1]) return "lost-call";
  }
  if (!now.online && late) return capturing && !now.paused && !now.ending ? "away" : "away-still";
  if (now.unkept) return "unkept";
  if (capturing && !now.paused && !now.ending) {
    if (broken[0]) return "broken"; // there is something, if only a tone
    if (quiet[0]) return "quiet";
    if (broken[1]) return "broken-call";
    if (quiet[1]) return "quiet-call";
  }
  return null;
}

// whole seconds; under one in tenths, as Dutch or English writes them
export function seconds(frames) {
  const some = frames > 0 && frames < 10;
  return some ? (frames / 10).toLocaleString(document.documentElement.lang) : String(Math.ceil(frames / 10));
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
