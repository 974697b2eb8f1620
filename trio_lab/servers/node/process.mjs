// What this process holds: memory and descriptors, against its limits. As measure/own_process.py.
import { readdirSync } from "node:fs";
import { totalmem } from "node:os";
import { now } from "./clock.mjs";
import { NOT_OBSERVED } from "./records.mjs";

const PERIOD = 200; // milliseconds from one look to the next: /health is asked often
const limit = Math.min(totalmem(), process.constrainedMemory?.() || Infinity);

let seen;
let at = -Infinity;

export function ownProcess() {
  if (now() - at >= PERIOD) {
    at = now();
    seen = { memory_bytes: process.memoryUsage.rss(), memory_limit_bytes: limit, descriptors: descriptors(), pid: process.pid };
  }
  return seen;
}

function descriptors() {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return NOT_OBSERVED;
  }
}
