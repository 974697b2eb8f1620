// Query values, checked strictly: a plain decimal integer in range, given at most once, or it is the sender's mistake.
import { Refusal } from "./refusal.mjs";

export class Query {
  #values;

  constructor(text) {
    this.#values = new URLSearchParams(`&${text}`); // it would take a leading question mark for the URL's
  }

  #single(name) {
    const values = this.#values.getAll(name);
    if (values.length > 1) throw new Refusal(400, `${name} must be given once`);
    return values[0];
  }

  integer(name, fallback, low, high) {
    const text = this.#single(name);
    if (text === undefined) return fallback;
    if (/^[0-9]+$/.test(text) && text.length <= String(high).length && text >= low && text <= high) return Number(text);
    throw new Refusal(400, `${name} must be a whole number from ${low} to ${high}`);
  }

  rounds() {
    return this.integer("rounds", 120_000, 1, 2_000_000);
  }

  choice(name, fallback, of) {
    const text = this.#single(name) ?? fallback;
    if (of.includes(text)) return text;
    throw new Refusal(400, `${name} must be one of ${of.join(", ")}`);
  }
}
