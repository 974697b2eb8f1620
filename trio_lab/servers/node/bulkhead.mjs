// Bounded admission, first come, first served: bounds on jobs in service, on jobs that wait, and on the time they wait.
//
// All decisions are synchronous. `ask` returns a place; its `given` resolves when the job may begin, and rejects when it is
// refused.
import { now, round } from "./clock.mjs";
import { record, Tally } from "./records.mjs";
import { LEFT, overloaded } from "./refusal.mjs";

export class Bulkhead {
  #maxWaiting;
  #patience;
  #waiting = new Set(); // in the order of arrival; a caller that leaves is removed at once
  #inService = 0;
  #peak = 0;
  #all = new Tally();
  #kinds = new Map();
  #busy = 0; // integrals over time: of the places taken, and (offered) of the capacity
  #offered = 0;
  #changed = now();

  constructor(name, capacity, { maxQueue, queueTimeout }) {
    this.name = name;
    this.capacity = capacity;
    this.#maxWaiting = maxQueue;
    this.#patience = queueTimeout * 1e3;
  }

  get inService() {
    return this.#inService;
  }

  get waiting() {
    return this.#waiting.size;
  }

  // Throws a 503 at once when the queue is full. With `bounded: false` neither number nor time is bounded.
  ask(kind, { signal, bounded = true } = {}) {
    const place = { kind, arrived: now(), entered: undefined, deadline: Infinity, given: undefined };
    this.#count(kind, "arrivals");
    if (signal?.aborted) {
      this.#count(kind, "cancelled");
      throw LEFT;
    }
    if (this.#inService < this.capacity && !this.#waiting.size) this.#give(place);
    else if (bounded && this.#waiting.size >= this.#maxWaiting) {
      this.#count(kind, "rejected");
      throw overloaded(this.name, "is full");
    } else this.#wait(place, signal, bounded ? this.#patience : Infinity);
    return place;
  }

  #wait(place, signal, patience) {
    place.given = new Promise((resolve, reject) => {
      const refuse = (count, reason) => {
        this.#forget(place);
        this.#count(place.kind, count);
        reject(reason);
      };
      const leave = () => refuse("cancelled", LEFT);
      place.expire = () => refuse("timed_out", overloaded(this.name, "had no place in time"));
      const timer = patience < Infinity && setTimeout(place.expire, patience);
      signal?.addEventListener("abort", leave, { once: true });
      place.forgotten = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", leave);
      };
      place.enter = resolve;
    });
    place.deadline = place.arrived + patience;
    this.#waiting.add(place);
    this.#peak = Math.max(this.#peak, this.#waiting.size);
  }

  #forget(place) {
    this.#waiting.delete(place);
    place.forgotten();
  }

  // Give a place back; the next caller gets it. `served` are the milliseconds of service, when the pool measured them itself.
  leave(place, served) {
    const ended = now();
    if (place.entered === undefined) {
      this.#forget(place); // the pool began the job without waiting for its place: see NativePool
      place.entered = ended;
    } else {
      this.#account();
      this.#inService -= 1;
    }
    const waited = place.entered - place.arrived;
    for (const tally of this.#of(place.kind)) tally.complete(waited, served ?? ended - place.entered);
    this.#handOut();
  }

  resize(capacity) {
    this.#account();
    this.capacity = capacity;
    this.#handOut();
  }

  #handOut() {
    for (const place of this.#waiting) {
      if (this.#inService >= this.capacity) return;
      if (place.deadline <= now()) place.expire(); // its timer has not fired yet: the loop was late
      else {
        this.#give(place);
        this.#forget(place);
        place.enter();
      }
    }
  }

  #give(place) {
    this.#account();
    place.entered = Math.max(place.arrived, this.#changed);
    this.#inService += 1;
  }

  #account() {
    const elapsed = now() - this.#changed;
    this.#changed += elapsed;
    this.#busy += elapsed * this.#inService;
    this.#offered += elapsed * Math.max(this.capacity, this.#inService);
  }

  #of(kind) {
    if (!this.#kinds.has(kind)) this.#kinds.set(kind, new Tally());
    return [this.#all, this.#kinds.get(kind)];
  }

  #count(kind, what) {
    for (const tally of this.#of(kind)) tally[what] += 1;
  }

  statistics() {
    this.#account();
    const kinds = [...this.#kinds.keys()].sort();
    const told = kinds.map((kind) => this.#record(`${this.name}.${kind}`, this.#kinds.get(kind)));
    return { ...this.#record(this.name, this.#all), kinds: told };
  }

  #record(name, tally) {
    return record(name, {
      ...tally,
      capacity: this.capacity,
      in_service: this.#inService,
      waiting: this.#waiting.size,
      max_waiting: this.#maxWaiting,
      peak_waiting: this.#peak,
      utilization: this.#offered ? round(Math.min(1, this.#busy / this.#offered), 4) : 0,
      wait_ms: tally.waits.summary(),
      service_ms: tally.services.summary(),
    });
  }
}
