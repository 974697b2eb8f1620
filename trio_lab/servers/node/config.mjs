// The configuration: one frozen record, from TRIO_LAB_* variables. Times in seconds.
import { availableParallelism } from "node:os";

export class UsageError extends Error {}

export function readConfig(environ) {
  const seconds = (name, fallback, low, high) => {
    const text = environ[`TRIO_LAB_${name}`] || String(fallback);
    const value = Number(text);
    if (value >= low && value <= high) return value;
    throw new UsageError(`TRIO_LAB_${name} must be a number from ${low} to ${high}, not ${JSON.stringify(text)}`);
  };
  const count = (name, ...bounds) => {
    const value = seconds(name, ...bounds);
    if (Number.isInteger(value)) return value;
    throw new UsageError(`TRIO_LAB_${name} must be a whole number, not ${value}`);
  };
  const profile = environ.TRIO_LAB_PROFILE || "guarded";
  if (!["guarded", "naive"].includes(profile)) throw new UsageError("TRIO_LAB_PROFILE must be guarded or naive");
  const guarded = profile === "guarded";
  return Object.freeze({
    profile,
    guarded,
    host: environ.TRIO_LAB_HOST || "127.0.0.1",
    port: count("PORT", 3000, 0, 65_535),
    threads: count("THREADS", environ.UV_THREADPOOL_SIZE || 4, 1, 1024),
    workers: count("WORKERS", Math.max(1, Math.min(availableParallelism() - 1, 4)), 1, 256),
    grace: seconds("GRACE", 3, 0, 86_400),
    keepAlive: seconds("KEEP_ALIVE", 5, 0.1, 86_400),
    maxQueue: guarded ? count("MAX_QUEUE", 200, 0, 1_000_000) : Infinity,
    queueTimeout: guarded ? seconds("QUEUE_TIMEOUT", 2, 0, 86_400) : Infinity,
    runTimeout: guarded ? seconds("RUN_TIMEOUT", 30, 0, 86_400) : Infinity,
  });
}
