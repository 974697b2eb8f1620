// What every queue reports. Waiting and being served are never one number; what cannot be seen says so.
import { createHistogram } from "node:perf_hooks";
import { round } from "./clock.mjs";

export const NOT_OBSERVED = "not observed";

const HIGHEST = 3_600e9; // nanoseconds; an hour is as good as for ever
const FIGURES = { mean: (h) => h.mean, max: (h) => h.max };
for (const [name, share] of Object.entries({ p50: 50, p90: 90, p99: 99, p99_9: 99.9 })) {
  FIGURES[name] = (h) => h.percentile(share);
}

export class Times {
  #histogram = createHistogram({ lowest: 1, highest: HIGHEST, figures: 3 });

  record(milliseconds) {
    this.#histogram.record(Math.min(HIGHEST, Math.max(1, Math.round(milliseconds * 1e6))));
  }

  reset() {
    this.#histogram.reset();
  }

  // In milliseconds; all zero when nothing was recorded.
  figure(name) {
    return this.#histogram.count ? FIGURES[name](this.#histogram) / 1e6 : 0;
  }

  summary() {
    const found = { count: this.#histogram.count };
    for (const name of ["mean", "p50", "p90", "p99", "p99_9", "max"]) found[name] = round(this.figure(name), 4);
    return found;
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

// The record that every queue reports; what is not `known`, or has no bound, is not observed.
export function record(name, known = {}) {
  const seen = (value) => (value === undefined || value === Infinity ? NOT_OBSERVED : value);
  return { name, ...Object.fromEntries(RECORD.map((key) => [key, seen(known[key])])) };
}

