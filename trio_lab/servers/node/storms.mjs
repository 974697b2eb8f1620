// /tick-storm: the same number of ticks, scheduled in five ways.
import { now } from "./clock.mjs";
import { LEFT } from "./refusal.mjs";

export const STORMS = {
  next_tick: { schedule: (tick) => process.nextTick(tick) },
  promise: { schedule: (tick) => Promise.resolve().then(tick) },
  microtask: { schedule: (tick) => queueMicrotask(tick) },
  set_immediate: { schedule: (tick) => setImmediate(tick), shares: true },
  set_timeout: { schedule: (tick) => setTimeout(tick, 0), shares: true },
};

// Resolves to the longest step. Where nothing else runs between two ticks, all ticks are one step.
export function storm({ schedule, shares = false }, count, signal) {
  return new Promise((resolve, reject) => {
    let done = 0;
    let longest = 0;
    let begun = now();
    const tick = () => {
      if (shares) begun = now();
      done += 1;
      if (signal?.aborted) reject(LEFT);
      else if (done < count) schedule(tick);
      if (shares || done === count) longest = Math.max(longest, now() - begun);
      if (done === count) resolve(longest);
    };
    tick();
  });
}
