// The jobs, in plain JavaScript. A worker thread runs this file and does the jobs that it is sent. It is not an ES module,
// because those are read in libuv's pool: a worker would not start while the native pool is busy.
"use strict";

const { pbkdf2Sync } = require("node:crypto");
const { performance } = require("node:perf_hooks");
const { isMainThread, parentPort } = require("node:worker_threads");

function fib(n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

const JOBS = { hash: (rounds) => void pbkdf2Sync("password", "salt", rounds, 64, "sha512"), fib };

// The job's value, and the milliseconds that it took.
function runJob(name, argument) {
  const begun = performance.now();
  const value = JOBS[name](argument);
  return { value, computed: performance.now() - begun };
}

exports.runJob = runJob;

function serveJobs() {
  parentPort.on("message", ([name, argument]) => parentPort.postMessage(runJob(name, argument)));
  parentPort.postMessage("ready");
}

if (!isMainThread) serveJobs();
