// The lab's server on Node's standard library: the routes, replies and errors of the package `http`.
//
//   node main.mjs [--json] [--control]      configured by TRIO_LAB_* variables, like the servers of the other runtimes
//
// Two processes run this file. The first is a watcher (`keepWatch` says why); its child is the server, whose worker threads
// run jobs in JavaScript (jobs.cjs). Blocking calls in C run in libuv's pool, shared with file I/O and name look-ups.
//
// guarded: bulkheads in front of libuv's pool and of the workers, bounded in number and in time; a client that leaves also
// leaves its queue. naive: the simplest code. Every job goes to its pool at once, and is done to its end even when its client
// has left.
import { fork } from "node:child_process";
import { fstatSync } from "node:fs";
import { isatty } from "node:tty";
import { fileURLToPath } from "node:url";
import { readConfig, UsageError } from "./config.mjs";
import { Lab } from "./routes.mjs";
import { LabServer } from "./serving.mjs";

const FILE = fileURLToPath(import.meta.url);

// The server says that it is ready when its workers are; on a machine that is too busy it serves without them.
const READY_TIME = 10_000;
const LONGEST_LINE = 1000; // characters
const [STOP, OVER] = ["stop", "over"];

const switched = (flag) => process.argv.slice(2).includes(flag);

// The first process. It starts the server as its child and ends it, for two reasons. libuv reads UV_THREADPOOL_SIZE when its
// pool is first used, and node uses the pool to load this file, before its first line runs. And a process that exits waits
// for every job in libuv's pool, queued ones too: with a naive server's queue that takes far longer than any grace period.
// So the server reports when it is done, and is then killed.
function keepWatch(config) {
  const environ = { ...process.env, UV_THREADPOOL_SIZE: String(config.threads) };
  const server = fork(FILE, process.argv.slice(2), { env: environ, stdio: [0, 1, 2, "ipc"] });
  let over = false;
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.connected && server.send(STOP));
  server.on("message", () => {
    over = true;
    server.kill("SIGKILL");
  });
  server.on("exit", (code) => process.exit(over ? 0 : (code ?? 1)));
}

// The second process.
async function serve(config) {
  const lab = new Lab(config);
  const server = new LabServer(lab, () => process.send(OVER));
  process.on("message", () => server.stop());
  // A signal to the whole group counts once: the first process passes it on.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL")); // the watcher is gone, and nothing else would end us
  const port = await server.listen(config);
  await Promise.race([lab.workerPool.ready, new Promise((resolve) => setTimeout(resolve, READY_TIME).unref())]);
  if (switched("--control")) obey(server);
  process.stdout.on("error", endUnheard);
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  process.stdout.write(`${welcome(`http://${host}:${port}`, config)}\n`);
}

// Without its address the server cannot be used. A reader that has gone needs no explanation.
function endUnheard({ code, message }) {
  if (code !== "EPIPE") console.error(`trio-lab: the output cannot be written: ${message}`);
  process.exit(1);
}

function welcome(url, { threads, workers, profile }) {
  if (switched("--json")) return JSON.stringify({ url, threads, workers });
  return `\
Server running on ${url}
Native pool size: ${threads} threads. Worker pool size: ${workers} thread${workers > 1 ? "s" : ""}.
Profile: ${profile}.
Load it from another terminal:
  trio-lab load ${url}/hash -c 20 -d 15
and look at it meanwhile:
  curl ${url}/health`;
}

function checkControl() {
  const input = fstatSync(0);
  if (!input.isFIFO() && !input.isSocket() && !isatty(0)) {
    throw new UsageError("--control needs a pipe on standard input, not a file");
  }
}

// Commands on standard input, from a program that runs this server as its child. Of a line without an end only the beginning
// is kept.
function obey(server) {
  let unread = "";
  const end = () => server.stopping || server.stop();
  process.stdin.setEncoding("utf8").on("end", end).on("error", end);
  process.stdin.on("data", (data) => {
    const lines = (unread + data).split("\n");
    unread = lines.pop().slice(0, LONGEST_LINE);
    for (const line of lines) {
      const resize = line.length < LONGEST_LINE && /^\s*threads\s+[0-9]+\s*$/.test(line);
      const why = resize ? "node cannot resize libuv's pool" : "not understood on standard input";
      console.error(`${why}: ${JSON.stringify(line.slice(0, 80))}`);
    }
  });
}

async function main() {
  try {
    const config = readConfig(process.env);
    if (switched("--control")) checkControl();
    if (process.send) await serve(config);
    else keepWatch(config);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`trio-lab: ${error.message}`);
    process.exit(2);
  }
}

await main();
