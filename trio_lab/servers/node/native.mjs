// The native pool: libuv's, behind a bulkhead of the same size.
//
// A naive server gives libuv every job at once. Its bulkhead is asked all the same, for the counts: libuv serves first come,
// first served too, so the bulkhead knows which job should have a thread by now. It does not see the threads that look-ups
// and file reads take. A job that has a thread cannot be stopped, and keeps it when its client leaves.
import { execFileSync } from "node:child_process";
import { pbkdf2 } from "node:crypto";
import { constants, mkdtempSync, openSync, read, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bulkhead } from "./bulkhead.mjs";

export class NativePool {
  #guarded;
  #abandoned = 0;

  constructor(config) {
    this.#guarded = config.guarded;
    this.queue = new Bulkhead("native_pool", config.threads, config);
  }

  get abandoned() {
    return this.#abandoned;
  }

  // `call(given)` begins the job; `given` settles when there should be a thread for it.
  async run(kind, call, { signal, bounded } = {}) {
    const place = this.queue.ask(kind, { signal, bounded });
    if (this.#guarded) await place.given;
    let left = 0;
    const leave = () => {
      left = 1;
      this.#abandoned += 1;
    };
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await call(place.given);
    } finally {
      signal?.removeEventListener("abort", leave);
      this.#abandoned -= left;
      this.queue.leave(place);
    }
  }
}

export const hashInPool = (rounds) =>
  new Promise((resolve, reject) => {
    pbkdf2("password", "salt", rounds, 64, "sha512", (error) => (error ? reject(error) : resolve()));
  });

// Node has no call that blocks a thread of libuv's pool and does nothing. Reading a FIFO does it: a byte is written when the
// time is up. All waits share one FIFO. Threads are alike, so it does not matter which of the blocked ones wakes, as long as
// as many wake as have waited long enough.
export class BlockingWaits {
  #fifo;
  #over = []; // resolvers of the waits whose time is up, in that order

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), "trio-lab-"));
    const path = join(folder, "fifo");
    execFileSync("mkfifo", [path]);
    this.#fifo = openSync(path, constants.O_RDWR); // both ends, so that opening it does not block and reading it never ends
    rmSync(folder, { recursive: true });
  }

  async wait(milliseconds, given) {
    read(this.#fifo, Buffer.alloc(1), 0, 1, null, () => this.#over.shift()());
    await given;
    return new Promise((resolve) => {
      setTimeout(() => {
        this.#over.push(resolve);
        writeSync(this.#fifo, "x");
      }, milliseconds);
    });
  }
}
