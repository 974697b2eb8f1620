// Loaded into every thread of a server before its own code: a worker thread that is to compute fib(39) ends instead.
import { isMainThread, parentPort } from "node:worker_threads";

if (!isMainThread) parentPort.on("message", ([name, n]) => name === "fib" && n === 39 && process.exit(7));
