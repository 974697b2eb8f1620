// Errors that answer a request: each carries its status, body and headers.

export class Refusal extends Error {
  constructor(status, text, { headers = {}, ...body } = {}) {
    super(text);
    this.status = status;
    this.headers = headers;
    this.body = { error: text, ...body };
  }
}

// 1 to 3 seconds at random: clients that are refused together shall not come again together.
export function retryAfter() {
  return { "retry-after": String(1 + Math.floor(Math.random() * 3)) };
}

export function overloaded(queue, why) {
  return new Refusal(503, `${queue} ${why}`, { queue, headers: retryAfter() });
}

export const LEFT = Symbol("the client has left"); // why a request was aborted
