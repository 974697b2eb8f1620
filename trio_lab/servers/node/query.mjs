// Query values, checked strictly: a plain decimal integer in range, given at most once; anything else is a 400.
import { Refusal } from "./refusal.mjs";

export class Query {
  #values;
  #parameters;

  // What a route does not declare, its handler cannot read.
  constructor(text, parameters) {
    this.#parameters = parameters;
    this.#values = new URLSearchParams(`&${text}`); // it would drop a leading question mark as the URL's own
  }

  #single(name) {
    const values = this.#values.getAll(name);
    if (values.length > 1) throw new Refusal(400, `${name} must be given once`);
    return values[0];
  }

  integer(name) {
    const [low, high, fallback] = this.#parameters[name];
    const text = this.#single(name);
    if (text === undefined) return fallback;
    if (/^[0-9]+$/.test(text) && text.length <= String(high).length && text >= low && text <= high) return Number(text);
    throw new Refusal(400, `${name} must be a whole number from ${low} to ${high}`);
  }

  choice(name) {
    const of = this.#parameters[name];
    const text = this.#single(name) ?? of[0];
    if (of.includes(text)) return text;
    throw new Refusal(400, `${name} must be one of ${of.join(", ")}`);
  }
}
