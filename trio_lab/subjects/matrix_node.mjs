// Which ways to go on later let others run, and which let a cancel in, on Node:
// node matrix_node.mjs [--json] [--ms N]
//
// Each is repeated for a quarter of a second, twice: beside a heartbeat of 10 ms, whose beats are counted, and with an
// AbortSignal that a timer of 50 ms fires. Node cancels nothing by itself: every tick looks at the signal.

import { access } from "node:fs/promises";
import { number, tell, tied, columns } from "./telling.mjs";

const BEAT = 10;
const CANCEL_AFTER = 50;
const MOST_PER_TICK = 20; // a stall of the machine is not the storm's own time; see spell.py

// True once the ticks have taken `ms` together, or when the signal has come: then the storm is over.
function spell(ms, signal) {
  let left = ms;
  let last = performance.now();
  return () => {
    const now = performance.now();
    left -= Math.min(now - last, MOST_PER_TICK);
    last = now;
    return left <= 0 || signal.aborted;
  };
}

// A storm of callbacks: each asks for the next by `schedule`.
const chain = (schedule) => (ms, signal) =>
  new Promise((resolve) => {
    const over = spell(ms, signal);
    const tick = () => (over() ? resolve() : schedule(tick));
    schedule(tick);
  });

// A storm of one await, again and again.
const repeated = (tick) => async (ms, signal) => {
  const over = spell(ms, signal);
  while (!over()) await tick();
};

const done = Promise.resolve();
const found = access("."); // has long been resolved when its storm begins
const STORMS = {
  next_tick: chain((tick) => process.nextTick(tick)),
  promise: chain((tick) => void done.then(tick)),
  microtask: chain(queueMicrotask),
  set_immediate: chain((tick) => setImmediate(tick)),
  set_timeout: chain((tick) => setTimeout(tick, 0)),
  "await null": repeated(() => null),
  "await of a resolved promise of fs": repeated(() => found),
  "await of a new promise of fs": repeated(() => access(".")),
};

async function beatsBeside(storm, ms) {
  let beats = 0;
  const heart = setInterval(() => beats++, BEAT);
  await storm(ms, new AbortController().signal);
  clearInterval(heart);
  return beats;
}

async function endsWhenAborted(storm, ms) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), CANCEL_AFTER);
  await storm(ms, abort.signal);
  clearTimeout(timer);
  return abort.signal.aborted;
}

tied();
const ms = number("--ms", 250);
const rows = [];
await found;
for (const [name, storm] of Object.entries(STORMS)) {
  // Both begin in a turn of their own, and end in the turn in which the storm does.
  await new Promise(setImmediate);
  const beats = await beatsBeside(storm, ms);
  const cancelled = await endsWhenAborted(storm, ms);
  rows.push({ await: name, beats, schedules: beats > 0, cancelled });
}
tell({ runtime: "node", rows }, columns(rows));
process.exit(0);
