/**
 * One process of a mesh: does what the coordinator asks, and notes when values come.
 * @module
 */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { openBarePeer } from "./bare-peer.ts";
import { nowMs } from "./clock.ts";
import type {
  Commands,
  Request,
  Response,
  SendOrder,
  Sent,
  Setup,
  Sighting,
  Written,
} from "./commands.ts";
import { openDsnPeer } from "./dsn-peer.ts";
import { type Peer, VALUE_LENGTH } from "./peer.ts";

/** After a write the IPC channel stays silent this long, so that it does not slow what is timed. */
const QUIET_MS = 20;

/** A payload that is not all zeros, as real ones are not. */
const FILLING = 0xa5;

class Worker implements Commands {
  #peer: Peer | undefined;
  #sightings: Sighting[] = [];
  #newest = 0;
  #awaited: { readonly sequence: number; readonly resolve: () => void } | undefined;

  async open(setup: Setup): Promise<number> {
    const open = setup.kind === "dsn" ? openDsnPeer : openBarePeer;
    const { peer, port } = await open(setup, (value) => this.#saw(value));
    this.#peer = peer;
    return port;
  }

  connect(ports: readonly number[]): Promise<void> {
    return this.#opened.connect(ports);
  }

  async write(sequence: number, pauseMs: number): Promise<Written> {
    await sleep(pauseMs);
    const atMs = nowMs();
    this.#opened.write(textOf(sequence));
    const callMs = nowMs() - atMs;
    await sleep(QUIET_MS);
    return { atMs, callMs };
  }

  async burst(first: number, count: number): Promise<number> {
    const startedMs = nowMs();
    for (let sequence = first; sequence < first + count; sequence += 1) {
      this.#opened.write(textOf(sequence));
      // Whatever the write has put off to the end of this turn happens before this goes on.
      await nextTurn();
    }
    return startedMs;
  }

  async waitFor(sequence: number): Promise<void> {
    if (this.#newest >= sequence) return;
    await new Promise<void>((resolve) => {
      this.#awaited = { sequence, resolve };
    });
  }

  async takeSightings(): Promise<readonly Sighting[]> {
    const sightings = this.#sightings;
    this.#sightings = [];
    return sightings;
  }

  async send({ to, bytes, count, inFlight }: SendOrder): Promise<Sent> {
    const peer = this.#opened;
    const data = Buffer.alloc(bytes, FILLING);
    const roundTripsMs: number[] = [];
    let left = count;
    const lane = async () => {
      while (left > 0) {
        left -= 1;
        const sentMs = nowMs();
        await peer.send(to, data);
        roundTripsMs.push(nowMs() - sentMs);
      }
    };
    const startedMs = nowMs();
    await Promise.all(Array.from({ length: inFlight }, lane));
    return { roundTripsMs, totalMs: nowMs() - startedMs };
  }

  async close(): Promise<void> {
    await this.#peer?.close();
  }

  get #opened(): Peer {
    if (this.#peer === undefined) throw new Error("this worker is not open");
    return this.#peer;
  }

  #saw(value: string): void {
    const atMs = nowMs();
    const sequence = Number(value);
    this.#sightings.push({ sequence, atMs });
    this.#newest = Math.max(this.#newest, sequence);
    if (this.#awaited === undefined || this.#newest < this.#awaited.sequence) return;
    this.#awaited.resolve();
    this.#awaited = undefined;
  }
}

function textOf(sequence: number): string {
  return String(sequence).padStart(VALUE_LENGTH, "0");
}

const worker = new Worker();

async function answer({ id, name, parameters }: Request): Promise<void> {
  let response: Response;
  try {
    const command = worker[name] as (...parameters: unknown[]) => Promise<unknown>;
    response = { id, ok: true, result: await command.apply(worker, [...parameters]) };
  } catch (error) {
    response = { id, ok: false, error: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(response, () => {
    // Ends the process in order, so that a profile of it is written.
    if (name === "close") process.exit(0);
  });
}

process.on("message", (request) => void answer(request as Request));
// Without its coordinator it would stay for ever.
process.on("disconnect", () => process.exit(1));
