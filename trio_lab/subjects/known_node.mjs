// A Node server that computes: node trio_lab/subjects/known_node.mjs
//
// It shares no code with the lab's servers. A request is a key derivation of some milliseconds in one of libuv's four threads,
// so what it bears is given by the cores and by the CPU time of a request, which is measured from outside. It prints
// {"url": …}, and ends when its standard input does.

import { pbkdf2 } from "node:crypto";
import { createServer } from "node:http";

const ROUNDS = 15_000;

const server = createServer((request, response) => {
  const answer = () => response.end("ok");
  if (request.url === "/") pbkdf2("secret", "salt", ROUNDS, 64, "sha512", answer);
  else answer();
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` }));
});
process.stdin.resume().on("end", () => process.exit(0));
