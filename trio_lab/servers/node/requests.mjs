// Refusals before routing, and the choice of the route.
import { STATUS_CODES } from "node:http";
import { getSystemErrorMap } from "node:util";
import { Query } from "./query.mjs";
import { Refusal, retryAfter } from "./refusal.mjs";
import { ROUTES } from "./routes.mjs";

const MAX_BODY = 1_000_000; // bytes
const MAX_TARGET = 8_192; // bytes of path and query
const MAX_HEAD = 16_384; // bytes of all header lines
// Bytes of a head that the parser accepts: we refuse a head that is too large ourselves, in JSON.
export const BUFFERED_HEAD = 262_144;
// The methods that a server knows. They are case-sensitive.
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"]);
// What a route needs is not to be had just now: a descriptor, or memory in the kernel.
const SHORTAGE = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]);
// What other runtimes have, with what is below: the same words as in http/contract.py.
const ONLY = {
  ...Object.fromEntries(["/block", "/process-list", "/ingest", "/db", "/jobs"].map((route) => [route, "trio"])),
  ...Object.fromEntries(["/ledger", "/stalls", "/metrics"].map((route) => [route, "trio or asyncio"])),
};
const NO_METHOD = [501, "Method not implemented"];
const REQUEST_LINE = /^[-!#$%&'*+.^_`|~0-9A-Za-z]+ [!-~]+ HTTP\/1\.[01]\r$/;

const closing = (status, text = STATUS_CODES[status]) =>
  new Refusal(status, text, { headers: { connection: "close" } });

function checkHead({ method, url, httpVersion, rawHeaders, headers }) {
  if (url.length - url.includes("?") > MAX_TARGET) throw closing(414, "Request target too long");
  if (rawHeaders.reduce((sum, text) => sum + text.length, 0) > MAX_HEAD) {
    throw closing(431, "Request header fields too large");
  }
  if (Number(headers["content-length"] ?? 0) > MAX_BODY) throw closing(413, "Request body too large");
  if (httpVersion === "0.9") throw closing(400);
  if (!["1.0", "1.1"].includes(httpVersion)) throw closing(505, "HTTP version not supported");
  if (!METHODS.has(method)) throw closing(...NO_METHOD);
  const coding = headers["transfer-encoding"];
  // The parser notices it only after the head, and then there would be no reply.
  if (coding !== undefined && coding.toLowerCase() !== "chunked") throw closing(501);
  if (coding !== undefined && httpVersion === "1.0") throw closing(400);
  const hosts = rawHeaders.filter((text, n) => n % 2 === 0 && text.toLowerCase() === "host").length;
  if (hosts > 1 || (!hosts && httpVersion === "1.1")) throw closing(400);
}

// Path and query of a target, which is a path, or a whole URL as in a request to a proxy.
function parseTarget(url) {
  const [target] = url.split("?", 1);
  const query = url.slice(target.length + 1);
  if (target.startsWith("/")) return { ...pathOf(target), query };
  const parts = /^https?:\/\/([^/#]+)(\/[^#]*)/i.exec(target);
  if (!parts || parts[1].includes("[") !== parts[1].includes("]")) throw closing(400, "Request target not understood");
  return { ...pathOf(parts[2]), query };
}

// The path, and its first part, where an encoded slash is no separator.
function pathOf(raw) {
  return { path: unquote(raw), first: `/${raw.split("/", 2)[1]}` };
}

function unquote(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // no route has such a name
  }
}

// HEAD is allowed for /health only: elsewhere it would cost as much work as GET, and tell nothing.
function allowedOn(path) {
  return path === "/health" ? ["GET", "HEAD", "OPTIONS"] : ["GET", "OPTIONS"];
}

// The function that makes the body of the reply, and the headers of the reply.
export function findRoute(request) {
  checkHead(request);
  const { path, first, query } = parseTarget(request.url);
  if (Object.hasOwn(ONLY, first)) throw new Refusal(501, `${first} is not there on node: use --runtime ${ONLY[first]}`);
  if (!Object.hasOwn(ROUTES, path)) throw new Refusal(404, "Not found: GET / lists the routes");
  const allowed = allowedOn(path);
  const allow = { allow: allowed.join(", ") };
  if (!allowed.includes(request.method)) throw new Refusal(405, STATUS_CODES[405], { headers: allow });
  if (request.method === "OPTIONS") return { make: () => ({ allow: allowed }), headers: allow };
  const { make, parameters } = ROUTES[path];
  return { make: (lab, signal) => make(lab, new Query(query, parameters), signal), headers: {} };
}

// Status and text for a request that the parser refused.
export function refusalOf({ code, reason = "", rawPacket, bytesParsed = 0 }) {
  if (code === "HPE_HEADER_OVERFLOW") return [431, "Request header fields too large"];
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return [408];
  if (reason === "Content-Length overflow") return [413, "Request body too large"];
  if (code === "HPE_INVALID_METHOD" && REQUEST_LINE.test(lineAt(rawPacket, bytesParsed))) return NO_METHOD;
  const http2 = rawPacket?.subarray(0, 16).toString("latin1") === "PRI * HTTP/2.0\r\n";
  const unknown = code === "HPE_INVALID_VERSION" && !reason.includes("CRLF");
  return http2 || unknown ? [505, "HTTP version not supported"] : [400];
}

function lineAt(packet, at) {
  const text = packet.toString("latin1", 0, at + MAX_HEAD);
  return text.slice(text.lastIndexOf("\n", at - 1) + 1).split("\n", 1)[0];
}

export function inJson(error) {
  if (error instanceof Refusal) return error;
  if (SHORTAGE.has(error.code)) {
    return new Refusal(503, getSystemErrorMap().get(error.errno)?.[1], { headers: retryAfter() });
  }
  console.error(error);
  return new Refusal(500, "Internal server error");
}
