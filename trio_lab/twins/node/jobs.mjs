// The jobs that are plain JavaScript for whoever runs them. A worker thread runs this file and does what it is told.
import { pbkdf2Sync } from "node:crypto";
import { isMainThread, parentPort } from "node:worker_threads";
import { now } from "./clock.mjs";

function fib(n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

const JOBS = { hash: (rounds) => void pbkdf2Sync("password", "salt", rounds, 64, "sha512"), fib };

export function runJob(name, argument) {
  const begun = now();
  const value = JOBS[name](argument);
  return { value, computed: now() - begun };
}

function serveJobs() {
  parentPort.on("message", ([name, argument]) => parentPort.postMessage(runJob(name, argument)));
  parentPort.postMessage("ready");
}

if (!isMainThread) serveJobs();
