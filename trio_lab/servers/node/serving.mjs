// Connections, and a shutdown that always ends.
import { createServer, STATUS_CODES } from "node:http";
import { getSystemErrorMap } from "node:util";
import { lastReply, linger, lookForReset } from "./closing.mjs";
import { UsageError } from "./config.mjs";
import { LEFT } from "./refusal.mjs";
import { BUFFERED_HEAD, findRoute, inJson, refusalOf } from "./requests.mjs";

const BACKLOG = 1024;
const REQUEST_TIMEOUT = 300_000; // milliseconds: Node's own; it may not be shorter than the head's
const FIRST_BYTES = 500; // milliseconds in which a client that has connected sends its request, at the end of the server
const SILENCE = 10_000; // milliseconds between two lines in the log about connections that cannot be accepted

export class LabServer {
  #lab;
  #http;
  #begun = new Map(); // every connection: its unsent responses, each with the controller that aborts its work
  #ended = new WeakSet(); // connections from which no more requests are taken
  #ahead = new WeakMap(); // responses whose beginning was sent: how many bytes
  #stopping = false;
  #over;

  // `over` is called when the last connection has ended, or the grace period.
  constructor(lab, over) {
    this.#lab = lab;
    this.#over = over;
    const idle = lab.config.keepAlive * 1e3;
    this.#http = createServer({
      maxHeaderSize: BUFFERED_HEAD,
      requireHostHeader: false,
      headersTimeout: idle, // a head must be whole in the time that a connection may be idle
      requestTimeout: Math.max(idle, REQUEST_TIMEOUT),
      connectionsCheckingInterval: 500,
    });
    this.#http.keepAliveTimeout = idle;
    this.#http.maxHeadersCount = 0; // their size is what is bounded
    this.#http.httpAllowHalfOpen = true; // a client that has sent its end gets its reply
    this.#http.on("connection", (socket) => this.#onConnection(socket));
    // A client that waits for a 100 gets the final status at once: no route reads a body.
    for (const event of ["request", "checkExpectation", "checkContinue"]) this.#http.on(event, (...both) => this.#onRequest(...both));
    this.#http.on("clientError", (error, socket) => this.#refuse(socket, ...refusalOf(error)));
    this.#http.on("connect", (_, socket) => this.#refuse(socket, 400, "Request target not understood"));
  }

  // Resolves to the port. Rejects with a UsageError when it cannot listen at the address.
  listen({ host, port }) {
    return new Promise((resolve, reject) => {
      this.#http.once("error", ({ errno, message }) => {
        const why = getSystemErrorMap().get(errno)?.[1] ?? message;
        reject(new UsageError(`cannot listen on ${host}:${port}: ${why}`));
      });
      this.#http.listen({ host, port, backlog: BACKLOG }, () => {
        this.#http.removeAllListeners("error").on("error", acceptErrors());
        resolve(this.#http.address().port);
      });
    });
  }

  // Accept no connections; requests in flight have the grace period. A second call ends it.
  stop() {
    if (this.#stopping) {
      this.#over();
      return;
    }
    this.#stopping = true;
    this.#http.close(this.#over);
    for (const [socket, begun] of this.#begun) {
      const end = () => begun.size || this.#ended.has(socket) || socket.destroy();
      if (socket.bytesRead) end();
      else setTimeout(end, FIRST_BYTES);
    }
    setTimeout(this.#over, this.#lab.config.grace * 1e3);
  }

  get stopping() {
    return this.#stopping;
  }

  #onConnection(socket) {
    const begun = new Map();
    this.#begun.set(socket, begun);
    socket.destroySoon = () => this.#close(socket); // node calls it after the last reply
    socket.once("end", () => this.#onEnd(socket, begun));
    // Of pipelined requests node tells only the first response that the connection has closed; so all are aborted here.
    socket.once("close", () => {
      this.#begun.delete(socket);
      for (const controller of begun.values()) controller?.abort(LEFT);
    });
  }

  #close(socket) {
    this.#ended.add(socket);
    linger(socket);
  }

  // The client has sent its end.
  #onEnd(socket, begun) {
    const [next] = begun.keys();
    if (next) lookForReset(socket, () => !next.headersSent, (count) => this.#ahead.set(next, count));
  }

  #onRequest(request, response) {
    const { socket } = request;
    if (this.#ended.has(socket) || socket.destroyed) return;
    const begun = this.#begun.get(socket);
    const controller = this.#lab.config.guarded ? new AbortController() : undefined;
    begun.set(response, controller);
    response.once("finish", () => {
      begun.delete(response);
      if (!begun.size && this.#stopping) socket.destroySoon();
    });
    this.#answer(request, response, controller?.signal);
  }

  // A refusal is sent at once, before the parser goes on to the next request; other replies come by a promise.
  #answer(request, response, signal) {
    const fail = (error) => {
      if (error === LEFT) return;
      const { status, body, headers } = inJson(error);
      this.#reply(response, status, body, headers);
    };
    try {
      const { make, headers } = findRoute(request);
      Promise.resolve(make(this.#lab, signal)).then((body) => this.#reply(response, 200, body, headers)).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  // A body that is a string is JSON already.
  #reply(response, status, body, headers) {
    if (response.closed || response.headersSent) return; // its client has left
    const text = typeof body === "string" ? body : JSON.stringify(body);
    if (headers.connection === "close") this.#ended.add(response.req.socket);
    if (this.#stopping) response.setHeader("connection", "close");
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      ...headers,
    });
    response._header = response._header.slice(this.#ahead.get(response) ?? 0); // node has no other way to send a part
    response.end(text);
  }

  // Refuse what is not a valid request, and close. If the fault is in the body of a request that is being handled, that
  // request is refused. Otherwise the requests before it are answered first.
  #refuse(socket, status, text = STATUS_CODES[status]) {
    if (this.#ended.has(socket)) return;
    this.#ended.add(socket);
    const begun = this.#begun.get(socket) ?? new Map();
    const last = [...begun.keys()].at(-1);
    if (!last) {
      this.#dismiss(socket, status, text);
    } else if (last.req.complete) {
      last.once("close", () => this.#dismiss(socket, status, text));
    } else if (last.headersSent) {
      last.once("close", () => socket.destroySoon());
    } else {
      begun.get(last)?.abort(LEFT);
      this.#reply(last, status, { error: text }, { connection: "close" });
    }
  }

  #dismiss(socket, status, text) {
    if (socket.writable) socket.write(lastReply(status, JSON.stringify({ error: text })));
    socket.destroySoon();
  }
}

// Without descriptors every attempt to accept fails in the same way, many times a second.
function acceptErrors() {
  let told = -Infinity;
  return ({ message }) => {
    if (performance.now() < told + SILENCE) return;
    told = performance.now();
    console.error(`connections cannot be accepted: ${message}; trying again`);
  };
}
