// The node peer of the lab's server: the same three routes on node's standard library, and / which does nothing.
//
// It prints {"url": …} when it listens on a free port of 127.0.0.1, and ends when its standard input closes.
// /hash runs in libuv's pool (UV_THREADPOOL_SIZE), /worker-hash in worker threads: one fewer than the cores, at most four.
import { createServer } from 'node:http';
import { pbkdf2, pbkdf2Sync } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

const ROUNDS = 120_000;
const HASH = ['password', 'salt'];

function serveJobs() {
  parentPort.on('message', (rounds) => {
    const begun = performance.now();
    pbkdf2Sync(...HASH, rounds, 64, 'sha512');
    parentPort.postMessage(performance.now() - begun);
  });
}

class Pool {
  #idle = [];
  #waiting = [];

  constructor(size) {
    this.size = size;
    for (let n = 0; n < size; n += 1) this.#idle.push(new Worker(fileURLToPath(import.meta.url)));
  }

  run(rounds) {
    return new Promise((resolve) => {
      this.#waiting.push({ rounds, resolve });
      this.#next();
    });
  }

  #next() {
    while (this.#idle.length && this.#waiting.length) {
      const worker = this.#idle.pop();
      const { rounds, resolve } = this.#waiting.shift();
      worker.once('message', (milliseconds) => {
        this.#idle.push(worker);
        resolve(milliseconds);
        this.#next();
      });
      worker.postMessage(rounds);
    }
  }

  state() {
    return { workers: this.size, busy: this.size - this.#idle.length, queued: this.#waiting.length };
  }
}

function serve() {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const pool = new Pool(Math.max(1, Math.min(availableParallelism() - 1, 4)));
  const hash = promisify(pbkdf2);
  const routes = {
    '/health': () => ({ eventLoopMaxMs: delay.max / 1e6, pool: pool.state() }),
    '/hash': async () => ({ hex: (await hash(...HASH, ROUNDS, 64, 'sha512')).toString('hex') }),
    '/worker-hash': async () => ({ workerDurationMs: await pool.run(ROUNDS), pool: pool.state() }),
  };
  const server = createServer(async (request, response) => {
    if (request.url === '/') {
      response.setHeader('content-length', 2); // else node would send chunks
      response.end('ok');
      return;
    }
    const route = routes[request.url.split('?', 1)[0]];
    const body = JSON.stringify(route ? await route() : { error: 'Not found' });
    response.writeHead(route ? 200 : 404, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })}\n`);
  });
  process.stdin.on('end', () => process.exit(0)).resume();
}

if (isMainThread) serve();
else serveJobs();
