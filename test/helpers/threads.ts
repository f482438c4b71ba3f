/**
 * UDP sockets in worker threads, for tests that run the sources: a worker runs compiled code, so
 * its script is that of `dist/`.
 * @module
 */
import { existsSync } from "node:fs";
import type { DsnError } from "../../src/errors.ts";
import type { OpenUdpSocket } from "../../src/transport/udp-socket.ts";
import { createThreadOpener } from "../../src/transport/udp-thread.ts";

const SCRIPT = new URL("../../dist/transport/udp-worker.js", import.meta.url);

/** @param onLost Told when a worker is not there; without it, that fails the test. */
export function openThreads(
  networkKey: Uint8Array | undefined,
  onLost: (error: DsnError) => void = (error) => {
    throw error;
  },
): OpenUdpSocket {
  if (!existsSync(SCRIPT)) throw new Error("there is no dist/: run `npm run build` first");
  return createThreadOpener({ networkKey, onLost, script: SCRIPT });
}
