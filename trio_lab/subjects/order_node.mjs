// What runs in which order on Node: node order_node.mjs [--json] [--trials N]
//
// A callback runs to its end, then the nextTick queue is emptied, then the microtasks, and only then the next callback.
// What a main script schedules is tried in processes of its own, since each has only one; the rest in this one.

import { execFile } from "node:child_process";
import { stat } from "node:fs";
import { promisify } from "node:util";
import { number, tell, tied } from "./telling.mjs";

const run = promisify(execFile);
const SOON = 4; // of the words a main script notes, so many are about what runs before the loop turns at all

// The same lines as a CommonJS script and as an ES module.
const MAIN = `
const order = [];
const note = (what) => () => order.push(what);
process.on("exit", () => console.log(JSON.stringify(order)));
stat(".", note("I/O callback"));
setImmediate(note("setImmediate"));
queueMicrotask(note("queueMicrotask"));
process.nextTick(note("nextTick"));
Promise.resolve().then(note("promise"));
setTimeout(note("setTimeout 0"), 0); // late, so that its millisecond may or may not have passed
note("sync code")();
`;

async function mainOrder(type) {
  const opening = type === "module" ? 'import { stat } from "node:fs";' : 'const { stat } = require("node:fs");';
  const { stdout } = await run(process.execPath, [`--input-type=${type}`, "--eval", opening + MAIN]);
  return JSON.parse(stdout);
}

// Plays a scene inside an I/O callback, the one place from where the next phase is known; resolves to what it noted.
function once(scene) {
  return new Promise((resolve) => {
    const order = [];
    stat(".", () => scene((what) => () => order.push(what), () => resolve(order)));
  });
}

function insideCallback(note, over) {
  setTimeout(() => (note("setTimeout 0")(), over()), 0);
  setImmediate(note("setImmediate"));
  Promise.resolve().then(note("promise"));
  queueMicrotask(note("queueMicrotask"));
  process.nextTick(note("nextTick"));
  note("sync code")();
}

function queuesThatFillEachOther(note, over) {
  Promise.resolve().then(() => {
    note("promise")();
    process.nextTick(note("nextTick from the promise"));
    queueMicrotask(note("microtask from the promise"));
  });
  process.nextTick(() => {
    note("nextTick")();
    process.nextTick(note("nextTick from the nextTick"));
  });
  setImmediate(over);
}

function immediates(note, over) {
  setImmediate(() => {
    note("immediate a")();
    setImmediate(() => (note("immediate from a")(), over()));
    process.nextTick(note("nextTick from a"));
  });
  setImmediate(note("immediate b"));
}

const insideDemos = [
  {
    name: "inside an I/O callback",
    promised: true,
    why: "After the callback the nextTick queue is emptied, then the microtasks; immediates come next in the same turn, timers in a later one.",
    scene: insideCallback,
  },
  {
    name: "queues that fill each other",
    promised: true,
    why: "Each of the two queues is emptied, what was added meanwhile included, before the other has its turn again.",
    scene: queuesThatFillEachOther,
  },
  {
    name: "an immediate that asks for another",
    promised: true,
    why: "What an immediate adds waits for the next turn of the loop, while its nextTick runs before the next immediate.",
    scene: immediates,
  },
];

// The most frequent order first.
function observed({ name, promised, why }, orders) {
  const seen = new Map();
  for (const order of orders.map((order) => JSON.stringify(order))) seen.set(order, (seen.get(order) ?? 0) + 1);
  const counted = [...seen].sort((one, other) => other[1] - one[1]);
  return { name, promised, orders: counted.map(([order, count]) => ({ order: JSON.parse(order), count })), why };
}

async function inProcesses(type, processes) {
  const orders = [];
  for (let n = 0; n < processes; n++) orders.push(await mainOrder(type));
  return orders;
}

async function observe(trials) {
  const processes = Math.max(2, Math.ceil(trials / 4)); // each costs some forty milliseconds
  const script = await inProcesses("commonjs", processes);
  const module = await inProcesses("module", 2);
  const demos = [
    observed(
      {
        name: "a main script (CommonJS)",
        promised: true,
        why: "When the script has ended the nextTick queue is emptied first, then the microtasks in the order they were added.",
      },
      script.map((order) => order.slice(0, SOON)),
    ),
    observed(
      {
        name: "the same lines as an ES module",
        promised: true,
        why: "A module's code runs as a microtask itself, so the other microtasks come before the nextTick queue.",
      },
      module.map((order) => order.slice(0, SOON)),
    ),
    observed(
      {
        name: "a timer, an immediate and a file, from a main script",
        promised: false,
        why: "Whether the timer's millisecond has passed when the loop first looks, and when the file's thread is done, is chance.",
      },
      script.map((order) => order.slice(SOON)),
    ),
  ];
  for (const demo of insideDemos) {
    const orders = [];
    for (let n = 0; n < trials; n++) orders.push(await once(demo.scene));
    demos.push(observed(demo, orders));
  }
  return { runtime: "node", demos };
}

function* lines(found) {
  for (const demo of found.demos) {
    yield `${demo.name} (${demo.promised ? "promised" : "not promised"})`;
    for (const { order, count } of demo.orders) yield `  ${String(count).padStart(4)}×  ${order.join(" → ")}`;
    yield `         ${demo.why}\n`;
  }
}

tied();
const found = await observe(number("--trials", 48));
tell(found, lines(found));
process.exit(0);
