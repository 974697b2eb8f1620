// Node's own HTTP server around the one reply of the stack's layers. Prints {"url"}, ends with its standard input.
import http from "node:http";

const body = '{"status":"ok","layers":"this is all there is"}';
const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };

const server = http.createServer((_request, response) => {
  response.sendDate = false; // the layers in Python send none
  response.writeHead(200, headers);
  response.end(body);
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => {
  process.stdout.write(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/` }) + "\n");
});
process.stdin.on("end", () => process.exit(0)).resume();
