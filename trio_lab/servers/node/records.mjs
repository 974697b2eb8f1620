// The record that every queue reports. Wait and service are never one number; what cannot be observed says so.
import { createHistogram } from "node:perf_hooks";
import { round } from "./clock.mjs";

export const NOT_OBSERVED = "not observed";

const HIGHEST = 3_600e9; // nanoseconds: an hour
const SHARES = { p50: 50, p90: 90, p99: 99, p99_9: 99.9 }; // per cent

// Durations. Two figures are 128 parts per octave, as in measure/histogram.py; a third would make each reading cost
// milliseconds.
export class Times {
  #histogram = createHistogram({ lowest: 1, highest: HIGHEST, figures: 2 });
  #count = 0;
  #total = 0;
  #max = 0;
  #summary;

  record(milliseconds) {
    this.#count += 1;
    this.#total += milliseconds;
    this.#max = Math.max(this.#max, milliseconds);
    this.#histogram.record(Math.min(HIGHEST, Math.max(1, Math.round(milliseconds * 1e6))));
    this.#summary = undefined;
  }

  reset() {
    this.#count = this.#total = this.#max = 0;
    this.#histogram.reset();
    this.#summary = undefined;
  }

  // In milliseconds, all zero when nothing was recorded. Made again only when something was recorded since.
  summary() {
    this.#summary ??= this.#reckon();
    return this.#summary;
  }

  #reckon() {
    const found = { count: this.#count, mean: this.#count && this.#total / this.#count };
    for (const [name, share] of Object.entries(SHARES)) {
      found[name] = this.#count && Math.min(this.#max, this.#histogram.percentile(share) / 1e6);
    }
    for (const name of Object.keys(found)) found[name] = round(found[name], 4);
    return { ...found, max: round(this.#max, 4) };
  }
}

export class Tally {
  arrivals = 0;
  completions = 0;
  rejected = 0;
  timed_out = 0;
  cancelled = 0;
  waits = new Times();
  services = new Times();

  complete(waited, served) {
    this.completions += 1;
    this.waits.record(waited);
    this.services.record(served);
  }
}

const RECORD = ["capacity", "in_service", "waiting", "max_waiting", "peak_waiting", "utilization", "arrivals"];
RECORD.push("completions", "rejected", "timed_out", "cancelled", "wait_ms", "service_ms");

// A queue's record; a figure that is not `known`, or is infinite, is not observed.
export function record(name, known = {}) {
  const seen = (value) => (value === undefined || value === Infinity ? NOT_OBSERVED : value);
  return { name, ...Object.fromEntries(RECORD.map((key) => [key, seen(known[key])])) };
}

