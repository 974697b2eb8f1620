// The native pool: libuv's, behind a bulkhead as large as it is.
//
// A naive server gives libuv every job at once. libuv serves first come, first served as well, so the bulkhead is asked
// all the same, and tells who should have a thread by now, though nobody waits for its word. What look-ups and reads of
// files take of the pool it does not see. Nothing can stop a job that has a thread: it keeps it when its client leaves.
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

// Node has no call that blocks a thread of libuv's pool and does nothing. Here it is a read of a FIFO that nobody writes
// to until the time is up. All waits share one FIFO, as threads are alike: which of those that are blocked wakes does not
// matter, if as many wake as have waited long enough.
export class BlockingWaits {
  #fifo;
  #over = []; // whose time is up, in that order

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), "trio-lab-"));
    const path = join(folder, "fifo");
    execFileSync("mkfifo", [path]);
    this.#fifo = openSync(path, constants.O_RDWR); // both ends: so it blocks neither now nor when there are no others
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
