// Errors that answer a request: each carries its status, body and headers.

export class Refusal extends Error {
  constructor(status, text, { headers = {}, ...body } = {}) {
    super(text);
    this.status = status;
    this.headers = headers;
    this.body = { error: text, ...body };
  }
}

export function overloaded(queue, why) {
  return new Refusal(503, `${queue} ${why}`, { queue, headers: { "retry-after": "1" } });
}

export const LEFT = Symbol("the client has left"); // why a request was aborted
