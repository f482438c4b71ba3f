/**
 * Writing answers, and when.
 *
 * Answers with a body say `application/octet-stream`, errors too, and errors are never sealed: so
 * does the reference.
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { WireRefusal } from "./framing.ts";
import type { CarrierLimits } from "./limits.ts";
import { transferMsMax } from "./limits.ts";

const SERVER = "dsn";

/**
 * The one refusal of a network with a key is sent this many milliseconds after the request has
 * arrived, whatever was done meanwhile: its time must not say how far the request got (D11).
 */
const UNIFORM_DELAY_MS = { min: 20, spread: 8 };

/**
 * How long we go on reading, and forgetting, what is sent after a refusal, in milliseconds. A
 * connection closed with bytes unread is reset, and the reset overtakes the answer.
 */
const LINGER_MS = 500;

/** An answer that fits the buffers of the system needs no deadline. */
const DEADLINE_FROM_BYTES = 64 * 1024;

/** 200 with a sealed message. */
export function sendAnswer(res: ServerResponse, body: Uint8Array, limits: CarrierLimits): void {
  send(res, 200, body);
  if (body.length < DEADLINE_FROM_BYTES || res.writableFinished) return;
  const slow = setTimeout(() => res.destroy(), transferMsMax(body.length, limits));
  res.once("close", () => clearTimeout(slow));
}

/** A refusal of a request that was read. Empty texts have no body and no type, as Python's. */
export function sendRefusal(res: ServerResponse, { status, text }: WireRefusal): void {
  if (text === "") sendEmpty(res, status);
  else send(res, status, Buffer.from(text));
}

/**
 * Calls `send` when the uniform refusal is due.
 *
 * @param arrivedMs When the last byte of the request came, on the clock of `monotonicMs`.
 * @param random Uniform in [0, 1).
 */
export function whenUniformRefusalIsDue(
  arrivedMs: number,
  monotonicMs: () => number,
  random: () => number,
  send: () => void,
): void {
  const { min, spread } = UNIFORM_DELAY_MS;
  const now = monotonicMs();
  let due = arrivedMs;
  // Whoever is late already waits for another turn: being late must not show how much.
  do due += min + random() * spread;
  while (due <= now);
  // Timers run up to a millisecond early on the clock that peers see.
  setTimeout(send, Math.ceil(due - now) + 1);
}

/**
 * Refuses a request without reading its body, and closes the connection. The answer is complete
 * at once; what still comes is dropped for a moment.
 */
export function refuseUnread(req: IncomingMessage, res: ServerResponse, status: number): void {
  res.shouldKeepAlive = false;
  res.writeHead(status, ["Server", SERVER, "Content-Length", "0"]);
  res.flushHeaders();
  const linger = setTimeout(() => end(), LINGER_MS);
  const end = () => {
    clearTimeout(linger);
    res.end();
  };
  req.removeAllListeners("data");
  req.once("end", end);
  req.once("close", end);
  req.resume();
}

function send(res: ServerResponse, status: number, body: Uint8Array): void {
  res.writeHead(status, [
    "Server",
    SERVER,
    "Content-Type",
    "application/octet-stream",
    "Content-Length",
    String(body.length),
  ]);
  res.end(body);
}

function sendEmpty(res: ServerResponse, status: number): void {
  res.writeHead(status, ["Server", SERVER, "Content-Length", "0"]);
  res.end();
}
