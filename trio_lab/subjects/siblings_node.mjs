// What one promise's error does to its siblings on Node: node siblings_node.mjs [--json]
//
// Three async functions, started in three ways; one throws after 50 ms, when the two others still have 100 ms to go.
// An unhandled error ends the process, so that one is tried in a process of its own.

import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { columns, tell, tied } from "./telling.mjs";

const RAISE_AFTER = 50;
const REST = 100; // what a sibling still has to do when the error comes

// One that fails and two that do not. Nothing in Node ends them early, so each either completes or dies with the process.
function family(completed) {
  let fail;
  const failed = new Promise((resolve) => (fail = resolve));
  async function failing() {
    await sleep(RAISE_AFTER);
    fail();
    throw new Error("one of three");
  }
  async function sibling() {
    await failed;
    await sleep(REST);
    completed();
  }
  return [failing(), sibling(), sibling()];
}

async function outcome(construct, combine) {
  let completed = 0;
  let reached = false;
  const promises = family(() => completed++);
  await combine(promises).catch(() => (reached = true));
  const waited = completed === 2;
  await Promise.allSettled(promises);
  return {
    construct,
    siblings_ended: 2 - completed,
    siblings_completed_after_error: completed,
    parent_waited: waited,
    error_reached_parent: reached,
  };
}

// What the child did before it ended: a line from each sibling that completed, one from a parent that heard of the error.
async function unhandled() {
  const here = [fileURLToPath(import.meta.url), "--unhandled"];
  const said = await new Promise((resolve) => execFile(process.execPath, here, (_, stdout) => resolve(stdout)));
  const completed = said.split("completed").length - 1;
  return {
    construct: "a rejection that nobody handles",
    siblings_ended: 2 - completed,
    siblings_completed_after_error: completed,
    parent_waited: false,
    error_reached_parent: said.includes("reached"),
  };
}

if (process.argv.includes("--unhandled")) {
  try {
    family(() => console.log("completed"));
  } catch {
    console.log("reached");
  }
} else {
  tied();
  const rows = [
    await outcome("Promise.all", (promises) => Promise.all(promises)),
    await outcome("Promise.allSettled", (promises) => Promise.allSettled(promises)),
    await unhandled(),
  ];
  tell({ runtime: "node", rows }, columns(rows));
  process.exit(0);
}
