// The lab, which owns the pools and the probe, and the routes. A route takes the lab, the query and the request's abort
// signal (none under naive), and returns a body.
import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { ms, now, round } from "./clock.mjs";
import { runJob } from "./jobs.cjs";
import { LoopProbe, passesOfTheLoop } from "./loop.mjs";
import { BlockingWaits, hashInPool, NativePool } from "./native.mjs";
import { record } from "./records.mjs";
import { storm, STORMS } from "./storms.mjs";
import { WorkerPool } from "./workers.mjs";

export class Lab {
  constructor(config) {
    this.config = config;
    this.probe = new LoopProbe();
    this.waits = new BlockingWaits();
    this.nativePool = new NativePool(config);
    this.workerPool = new WorkerPool(config);
  }

  pool() {
    const { size, queue, restarts } = this.workerPool;
    return { workers: size, busy: queue.inService, queued: queue.waiting, restarts };
  }

  queues() {
    const elsewhere = (name, known) => ({ ...record(name, known), kinds: [] });
    const utilization = round(performance.eventLoopUtilization().utilization, 4);
    return [
      elsewhere("accept_backlog"),
      elsewhere("run_queue", { capacity: 1, utilization, completions: passesOfTheLoop() }),
      this.nativePool.queue.statistics(),
      this.workerPool.queue.statistics(),
      elsewhere("default_limiter"), // calls that name no pool wait in libuv's queue, unseen
    ];
  }
}

export const ROUTES = {
  "/health": (lab, query) => {
    const { loop, ...timer } = lab.probe.read(query.integer("reset", 1, 0, 1) === 1);
    const { queue, abandoned } = lab.nativePool;
    const { threads, profile } = lab.config;
    return {
      runtime: "node",
      ...timer,
      uvThreadpoolSize: threads,
      pool: lab.pool(),
      nativePool: { threads, busy: queue.inService, abandoned, queued: queue.waiting },
      loop,
      profile,
      queues: lab.queues(),
      scaling: [],
    };
  },

  "/hash": async (lab, query, signal) => {
    const rounds = query.rounds();
    const begun = now();
    await lab.nativePool.run("hash", () => hashInPool(rounds), { signal });
    return { route: "/hash", mode: "async pbkdf2", durationMs: ms(now() - begun) };
  },

  "/sync-hash": (_, query) => {
    const { computed } = runJob("hash", query.rounds()); // on the loop, on purpose
    return { route: "/sync-hash", mode: "sync pbkdf2", durationMs: ms(computed) };
  },

  "/worker-hash": async (lab, query, signal) => {
    const rounds = query.rounds();
    const begun = now();
    const { computed, queued } = await lab.workerPool.run("hash", "hash", rounds, { signal });
    return {
      route: "/worker-hash",
      mode: "worker process", // the contract's term; here it is a thread
      workerDurationMs: ms(computed),
      totalDurationMs: ms(now() - begun),
      queueMs: ms(queued),
      pool: lab.pool(),
    };
  },

  "/tick-storm": async (_, query, signal) => {
    const count = query.integer("count", 100_000, 1, 5_000_000);
    const mode = query.choice("mode", "next_tick", Object.keys(STORMS));
    const longest = await storm(STORMS[mode], count, signal);
    return { route: "/tick-storm", scheduledTicks: count, mode, longestStepMs: ms(longest) };
  },

  "/wait": async (lab, query, signal) => {
    const milliseconds = query.integer("ms", 20, 0, 10_000);
    // Node has one pool for everything; a call that names no pool is not bounded.
    const pool = query.choice("pool", "own", ["own", "default"]);
    const begun = now();
    const wait = (given) => lab.waits.wait(milliseconds, given);
    await lab.nativePool.run("wait", wait, { signal, bounded: pool === "own" });
    return { route: "/wait", mode: "blocking wait", pool, durationMs: ms(now() - begun) };
  },

  "/fib": async (lab, query, signal) => {
    const n = query.integer("n", 25, 0, 40);
    const where = query.choice("where", "process", ["loop", "thread", "process"]);
    const begun = now();
    // The only threads that run JavaScript are the workers, so thread and process are the same here.
    const { value, computed } =
      where === "loop" ? runJob("fib", n) : await lab.workerPool.run("reports", "fib", n, { signal });
    return { route: "/fib", n, where, value, computeMs: ms(computed), durationMs: ms(now() - begun) };
  },

  "/lookup": async (_, query) => {
    const host = query.choice("host", "localhost", ["localhost"]); // the lab asks no name server
    const begun = now();
    const addresses = (await lookup(host, { all: true })).map(({ address }) => address);
    return { route: "/lookup", host, addresses, durationMs: ms(now() - begun) };
  },

  "/read": async () => {
    const begun = now();
    const data = await readFile(fileURLToPath(import.meta.url));
    return { route: "/read", bytes: data.length, durationMs: ms(now() - begun) };
  },
};
