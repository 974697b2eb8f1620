// Query values, checked strictly: a plain decimal integer in range, given at most once; anything else is a 400.
import { Refusal } from "./refusal.mjs";

export class Query {
  #values;

  constructor(text) {
    this.#values = new URLSearchParams(`&${text}`); // it would drop a leading question mark as the URL's own
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
