// Worker threads: JavaScript beside the loop.
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { Bulkhead } from "./bulkhead.mjs";
import { Refusal } from "./refusal.mjs";

const JOBS = fileURLToPath(new URL("jobs.cjs", import.meta.url));
const BACKOFF = 100; // milliseconds before a worker that died before it was ready is replaced; doubled each time
const LONGEST_BACKOFF = 5_000;

// A job whose client leaves while it runs is not stopped: a new worker costs more than the rest of a job, which the run
// timeout bounds. A job that runs too long is terminated. That stops JavaScript at once, but C only when it returns; so the
// worker is replaced at once, as long as no more old workers are still ending than there are workers.
export class WorkerPool {
  #size;
  #runTimeout;
  #live = new Set();
  #idle = [];
  #ending = new Set();
  #lost = 0; // workers that died and are not replaced yet
  #stillborn = 0; // workers in a row that died before they were ready

  constructor({ workers, runTimeout, ...limits }) {
    this.restarts = 0;
    this.#size = workers;
    this.#runTimeout = runTimeout * 1e3;
    this.queue = new Bulkhead("worker_pool", 0, limits);
    this.ready = new Promise((resolve) => {
      this.allReady = resolve;
    });
    for (let n = 0; n < workers; n += 1) this.#start();
  }

  get size() {
    return this.#size;
  }

  // The job's value, and the milliseconds that it waited for a worker and then ran.
  async run(kind, name, argument, { signal } = {}) {
    const place = this.queue.ask(kind, { signal });
    await place.given;
    const { value, computed } = await this.#give(this.#idle.pop(), place, [name, argument]);
    return { value, computed, queued: place.entered - place.arrived };
  }

  #give(hand, place, task) {
    return new Promise((resolve, reject) => {
      const timer = this.#runTimeout < Infinity && setTimeout(() => this.#terminate(hand), this.#runTimeout);
      hand.job = { place, resolve, reject, timer };
      hand.worker.postMessage(task);
    });
  }

  // The end of a job frees its place; its worker is idle again, or gone.
  #endJob(hand, settle, served) {
    const { place, timer, ...job } = hand.job;
    hand.job = null;
    clearTimeout(timer);
    settle(job);
    this.queue.leave(place, served);
  }

  #start() {
    const hand = { worker: new Worker(JOBS), ready: false, job: null };
    this.#live.add(hand);
    hand.worker.on("message", (reply) => (reply === "ready" ? this.#onReady(hand) : this.#onReply(hand, reply)));
    hand.worker.on("error", (error) => console.error("a worker died:", error)); // and then it exits
    hand.worker.once("exit", (code) => this.#onExit(hand, code));
  }

  #onReady(hand) {
    hand.ready = true;
    this.#stillborn = 0;
    this.#idle.push(hand);
    this.queue.resize(this.queue.capacity + 1);
    if (this.queue.capacity === this.#size) this.allReady();
  }

  #onReply(hand, reply) {
    if (!hand.job) return; // it was terminated just after it had replied
    this.#idle.push(hand);
    this.#endJob(hand, ({ resolve }) => resolve(reply), reply.computed);
  }

  #terminate(hand) {
    this.#ending.add(hand);
    void hand.worker.terminate();
    this.#lose(hand, new Refusal(504, "the job ran into its run timeout; its worker was ended"));
    this.#replace();
  }

  #onExit(hand, code) {
    if (this.#ending.delete(hand)) return this.#replace();
    if (!hand.ready) this.#stillborn += 1;
    this.#lose(hand, new Refusal(502, `the worker died with exit code ${code}`));
    if (hand.ready) return this.#replace();
    return setTimeout(() => this.#replace(), Math.min(LONGEST_BACKOFF, BACKOFF * 2 ** (this.#stillborn - 1)));
  }

  #lose(hand, error) {
    this.#live.delete(hand);
    this.#lost += 1;
    if (!hand.ready) return;
    this.#idle = this.#idle.filter((other) => other !== hand);
    this.queue.resize(this.queue.capacity - 1);
    if (hand.job) this.#endJob(hand, ({ reject }) => reject(error));
  }

  #replace() {
    while (this.#lost && this.#live.size + this.#ending.size < 2 * this.#size) {
      this.#lost -= 1;
      this.restarts += 1;
      this.#start();
    }
  }
}
