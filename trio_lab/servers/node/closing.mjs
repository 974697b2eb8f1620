// How connections end: not before the reply has arrived, and not because a client has sent its end.
import { STATUS_CODES } from "node:http";

const LINGER = 2_000; // milliseconds
const MAX_DROPPED = 16_000_000; // bytes
const BEGINNING = "HTTP/1.1 "; // of every reply

// Send the end; then read and drop what still comes, for some time. To close a socket with unread bytes in it resets the
// connection, and the reset may overtake the reply. (Node's parser reads on; what it finds is ignored.)
export function linger(socket) {
  if (socket.destroyed || socket.writableEnded) return;
  const last = socket.bytesRead + MAX_DROPPED;
  const end = Date.now() + LINGER;
  socket.end();
  socket.resume();
  const timer = setInterval(() => (socket.bytesRead > last || Date.now() > end) && socket.destroy(), LINGER / 20);
  socket.once("close", () => clearInterval(timer));
}

// Find out whether a client that has sent its end is gone, or still reads. TCP does not tell; but a client that is gone
// resets the connection at the first byte, and the next write then fails. So the first bytes of the reply, which are always
// the same, are sent one by one, at growing intervals. `sent` is called with their number.
export function lookForReset(socket, wanted, sent, count = 1) {
  if (socket.destroyed || !wanted() || count >= BEGINNING.length) return;
  socket.write(BEGINNING[count - 1]);
  sent(count);
  setTimeout(() => lookForReset(socket, wanted, sent, count + 1), 4 ** (count - 1)).unref();
}

// The refusal of what is no request: node has no ServerResponse for it.
export function lastReply(status, body) {
  const first = `${BEGINNING}${status} ${STATUS_CODES[status]}`;
  const headers = ["content-type: application/json", `content-length: ${Buffer.byteLength(body)}`, "connection: close"];
  return [first, ...headers, "", body].join("\r\n");
}
