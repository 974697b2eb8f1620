// The smallest job: what is left is the cost of the pool.
export default function nothing() {}
