// The lab, which owns the pools and the probe, and the routes. A route has a line about it and its parameters (see
// overview.mjs), and makes a body from the lab, the query and the request's abort signal (none under naive).
import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { ms, now, round } from "./clock.mjs";
import { runJob } from "./jobs.cjs";
import { LoopProbe, passesOfTheLoop } from "./loop.mjs";
import { BlockingWaits, hashInPool, NativePool } from "./native.mjs";
import { overview } from "./overview.mjs";
import { ownProcess } from "./process.mjs";
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

const ROUNDS = { rounds: [1, 2_000_000, 120_000] };

export const ROUTES = {
  "/": {
    about: "This list.",
    make: (lab) => overview(ROUTES, lab.config.profile),
  },

  "/health": {
    about: "How late the loop is, and the state of every queue. With reset=1 a new measuring window begins.",
    parameters: { reset: [0, 1, 1] },
    make: (lab, query) => {
      const { loop, ...timer } = lab.probe.read(query.integer("reset") === 1);
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
        process: ownProcess(),
        queues: lab.queues(),
        scaling: [],
      };
    },
  },

  "/hash": {
    about: "A slow hash in a thread of libuv's pool.",
    parameters: ROUNDS,
    make: async (lab, query, signal) => {
      const rounds = query.integer("rounds");
      const begun = now();
      await lab.nativePool.run("hash", () => hashInPool(rounds), { signal });
      return { route: "/hash", mode: "async pbkdf2", durationMs: ms(now() - begun) };
    },
  },

  "/sync-hash": {
    about: "The same hash on the loop: nothing else runs meanwhile.",
    parameters: ROUNDS,
    make: (_, query) => {
      const { computed } = runJob("hash", query.integer("rounds")); // on the loop, on purpose
      return { route: "/sync-hash", mode: "sync pbkdf2", durationMs: ms(computed) };
    },
  },

  "/worker-hash": {
    about: "The same hash in a worker thread.",
    parameters: ROUNDS,
    make: async (lab, query, signal) => {
      const rounds = query.integer("rounds");
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
  },

  "/tick-storm": {
    about: "Many callbacks in a row, of a kind that lets others run or starves them.",
    parameters: { count: [1, 5_000_000, 100_000], mode: Object.keys(STORMS) },
    make: async (_, query, signal) => {
      const count = query.integer("count");
      const mode = query.choice("mode");
      const longest = await storm(STORMS[mode], count, signal);
      return { route: "/tick-storm", scheduledTicks: count, mode, longestStepMs: ms(longest) };
    },
  },

  "/wait": {
    about: "A blocking call that computes nothing, in libuv's pool: behind the server's own bulkhead, or not.",
    parameters: { ms: [0, 10_000, 20], pool: ["own", "default"] },
    make: async (lab, query, signal) => {
      const milliseconds = query.integer("ms");
      // Node has one pool for everything; a call that names no pool is not bounded.
      const pool = query.choice("pool");
      const begun = now();
      const wait = (given) => lab.waits.wait(milliseconds, given);
      await lab.nativePool.run("wait", wait, { signal, bounded: pool === "own" });
      return { route: "/wait", mode: "blocking wait", pool, durationMs: ms(now() - begun) };
    },
  },

  "/fib": {
    about: "Fibonacci in plain JavaScript: in a worker thread (process and thread are the same here) or on the loop.",
    parameters: { n: [0, 40, 25], where: ["process", "thread", "loop"] },
    make: async (lab, query, signal) => {
      const n = query.integer("n");
      const where = query.choice("where");
      const begun = now();
      // The only threads that run JavaScript are the workers, so thread and process are the same here.
      const { value, computed } =
        where === "loop" ? runJob("fib", n) : await lab.workerPool.run("reports", "fib", n, { signal });
      return { route: "/fib", n, where, value, computeMs: ms(computed), durationMs: ms(now() - begun) };
    },
  },

  "/lookup": {
    about: "A name look-up in libuv's pool.",
    parameters: { host: ["localhost"] }, // the lab asks no name server
    make: async (_, query) => {
      const host = query.choice("host");
      const begun = now();
      const addresses = (await lookup(host, { all: true })).map(({ address }) => address);
      return { route: "/lookup", host, addresses, durationMs: ms(now() - begun) };
    },
  },

  "/read": {
    about: "A file is read in libuv's pool.",
    make: async () => {
      const begun = now();
      const data = await readFile(fileURLToPath(import.meta.url));
      return { route: "/read", bytes: data.length, durationMs: ms(now() - begun) };
    },
  },
};
