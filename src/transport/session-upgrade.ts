/**
 * The HTTP by which a connection becomes a session: `GET /session`, `Upgrade: dsn-session`.
 *
 * So a session needs no port of its own, and passes whatever lets WebSockets pass.
 * @module
 */
import { type ClientRequest, type IncomingMessage, request as sendRequest } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Address, formatAddress } from "../wire/exchange.ts";
import type { FailureReason } from "./carrier.ts";
import { describe, problemOf } from "./http-reading.ts";
import { DEFAULT_LIMITS } from "./limits.ts";

const PATH = "/session";
const PROTOCOL = "dsn-session";
/** What whoever stands between, or is not ready, answers: another time it may be otherwise. */
const NOT_NOW: ReadonlySet<number> = new Set([502, 503, 504]);
/** A peer that has gone is noticed by the system, in minutes. */
const KEEP_ALIVE_MS = 15_000;

export interface UpgradeFailure {
  readonly reason: FailureReason;
  readonly detail: string;
}

/** Asks for a session at an address. Exactly one of the two is called, or none after `destroy`. */
export function askForSession(
  to: Address,
  onSocket: (socket: Socket) => void,
  onFailure: (failure: UpgradeFailure) => void,
): ClientRequest {
  const request = sendRequest({
    agent: false,
    host: to.address,
    port: to.port,
    method: "GET",
    path: PATH,
    headers: ["Host", formatAddress(to), "Connection", "Upgrade", "Upgrade", PROTOCOL],
    maxHeaderSize: DEFAULT_LIMITS.headerBytesMax,
  });
  request.once("upgrade", (response: IncomingMessage, socket: Socket, head: Buffer) => {
    prepare(socket, head);
    if (isSessionUpgrade(response)) return onSocket(socket);
    socket.destroy();
    onFailure({ reason: "not-dsn", detail: "it switches to another protocol" });
  });
  request.once("response", (response: IncomingMessage) => {
    request.destroy();
    onFailure(failureOfAnswer(response));
  });
  request.on("error", (error: NodeJS.ErrnoException) => {
    const isAnswer = error.code?.startsWith("HPE_") === true;
    onFailure({ reason: isAnswer ? "not-dsn" : "unreachable", detail: describe(error) });
  });
  request.end();
  return request;
}

function failureOfAnswer({ statusCode = 0, headers }: IncomingMessage): UpgradeFailure {
  const detail = problemOf(statusCode, headers) ?? `HTTP ${statusCode} in place of a session`;
  return { reason: NOT_NOW.has(statusCode) ? "unreachable" : "not-dsn", detail };
}

/** With which HTTP status such a request is refused; `undefined` for one that is right. */
export function upgradeRefusal(request: IncomingMessage): number | undefined {
  if (request.url !== PATH) return 404;
  if (request.method !== "GET") return 405;
  return isSessionUpgrade(request) ? undefined : 426;
}

function isSessionUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === PROTOCOL;
}

/** Answers with 101; what follows on the socket is the session's. */
export function switchToSession(socket: Socket, head: Buffer): void {
  prepare(socket, head);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${PROTOCOL}\r\n\r\n`,
  );
}

/** Answers with another status, and closes. */
export function refuseUpgrade(socket: Duplex, status: number): void {
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} \r\nServer: dsn\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}

/** The time limits of HTTP end here. */
function prepare(socket: Socket, head: Buffer): void {
  socket.setTimeout(0);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.on("error", () => socket.destroy());
  if (head.length > 0) socket.unshift(head);
}
