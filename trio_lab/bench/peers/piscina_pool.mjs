// Jobs that do nothing, through piscina: node piscina_pool.mjs FOLDER CALLERS AT_ONCE SECONDS prints jobs per second.
//
// FOLDER holds node_modules; two workers; AT_ONCE is how many jobs a worker may have in flight.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [folder, callers, atOnce, seconds] = process.argv.slice(2);
const { Piscina } = createRequire(resolve(folder, 'from-here.js'))('piscina');
const WARM_UP = 0.5; // seconds, as for the Python pools

const pool = new Piscina({
  filename: fileURLToPath(new URL('piscina_job.mjs', import.meta.url)),
  minThreads: 2,
  maxThreads: 2,
  concurrentTasksPerWorker: Number(atOnce),
});

process.stdin.on('end', () => process.exit(1)).resume().unref?.(); // ends with the process that started it

let running = true;
let done = 0;

async function call() {
  while (running) {
    await pool.run();
    done += 1;
  }
}

const sleep = (s) => new Promise((resolve) => setTimeout(resolve, s * 1e3));

const all = Array.from({ length: Number(callers) }, call);
await sleep(WARM_UP);
const before = done;
const begun = performance.now();
await sleep(Number(seconds));
const jobsPerSecond = ((done - before) / (performance.now() - begun)) * 1e3;
running = false;
await Promise.all(all);
await pool.destroy();
console.log(jobsPerSecond);
