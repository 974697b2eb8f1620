// Times within the server: milliseconds of the monotonic clock. In the configuration they are seconds.
import { performance } from "node:perf_hooks";

export const now = () => performance.now();
export const round = (value, digits) => Number(value.toFixed(digits));
export const ms = (milliseconds) => round(milliseconds, 3);
