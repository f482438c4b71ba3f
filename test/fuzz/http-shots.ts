/**
 * Fires at an HTTP server over a few connections that are kept, many requests in a row on each; or
 * bytes that need not be HTTP, each on a connection of its own.
 * @module
 */
import { connect, type Socket } from "node:net";
import { parseResponses } from "../helpers/raw-http.ts";

/** Longest wait for the answers of one burst, in milliseconds: then something hangs. */
const PATIENCE_MS = 30_000;

/**
 * Sends requests in one go over a connection that is kept, and returns the status of each in order.
 * Those behind one that made the server close the connection have none.
 */
export class KeptConnection {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  burst(requests: readonly Uint8Array[]): Promise<readonly (number | undefined)[]> {
    const socket = this.#open();
    return new Promise((resolve, reject) => {
      let received = Buffer.alloc(0);
      const statuses = () => parseResponses(received).responses.map(({ status }) => status);
      const end = (all: readonly number[]) => {
        clearTimeout(timer);
        socket.off("data", onData).off("close", onClose);
        resolve(requests.map((_, index) => all[index]));
      };
      const onData = (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        const all = statuses();
        if (all.length >= requests.length) end(all);
      };
      const onClose = () => end(statuses());
      const timer = setTimeout(() => reject(new Error("no answer")), PATIENCE_MS);
      socket.on("data", onData).once("close", onClose);
      socket.write(Buffer.concat(requests));
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Socket {
    if (this.#socket === undefined || this.#socket.destroyed || !this.#socket.writable) {
      this.#socket = connect({ host: "127.0.0.1", port: this.#port, noDelay: true });
      this.#socket.on("error", () => undefined);
    }
    return this.#socket;
  }
}

/** Sends bytes, ends, and waits until the other side has ended too. */
export function sendRaw(port: number, bytes: Uint8Array): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection stays open after ${Buffer.from(bytes).toString("hex")}`));
    }, PATIENCE_MS);
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
    });
    socket.once("end", () => socket.destroy());
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(parseResponses(received).responses.map(({ status }) => status));
    });
    socket.end(bytes);
  });
}
