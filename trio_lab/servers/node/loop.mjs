// Figures of the loop, from a timer and from libuv's counts.
import { performance } from "node:perf_hooks";
import { now, round } from "./clock.mjs";
import { NOT_OBSERVED, Times } from "./records.mjs";

const RESOLUTION = 20;

const BLIND = `how late a ${RESOLUTION} ms timer was, not how long a pass lasted: node has no hook between two passes`;

// Node's monitorEventLoopDelay forgets at a reset when it woke last, so a loop that is blocked right after a reset leaves no
// trace. This probe remembers. Like Node's it records whole intervals: an idle loop reads a little over the resolution.
export class LoopProbe {
  #intervals = new Times();
  #begun = performance.eventLoopUtilization();
  #passes = 0;

  constructor() {
    let last = now();
    setInterval(() => {
      const woke = now();
      this.#intervals.record(woke - last);
      last = woke;
    }, RESOLUTION);
  }

  read(reset) {
    const intervals = this.#intervals.summary();
    const late = (interval) => round(Math.max(0, interval - RESOLUTION), 4);
    const passes = passesOfTheLoop();
    const found = {
      eventLoopMeanMs: Math.round(intervals.mean),
      eventLoopMaxMs: Math.round(intervals.max),
      loop: {
        mean_ms: late(intervals.mean),
        p50_ms: late(intervals.p50),
        p99_ms: late(intervals.p99),
        max_ms: late(intervals.max),
        delay_p99_ms: late(intervals.p99),
        utilization: round(performance.eventLoopUtilization(this.#begun).utilization, 4),
        passes: passes === undefined ? NOT_OBSERVED : passes - this.#passes,
        blind: BLIND,
      },
    };
    if (reset) {
      this.#intervals.reset();
      this.#begun = performance.eventLoopUtilization();
      this.#passes = passes;
    }
    return found;
  }
}

// undefined before node 20.18
export const passesOfTheLoop = () => performance.nodeTiming.uvMetricsInfo?.loopCount;
