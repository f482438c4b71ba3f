/**
 * One process of a mesh: does what the coordinator asks, and notes when values come.
 * @module
 */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openBarePeer } from "./bare-peer.ts";
import { nowMs } from "./clock.ts";
import type {
  Commands,
  Joined,
  Memory,
  ReadRates,
  Request,
  Response,
  SendOrder,
  Sent,
  Setup,
  Sighting,
  StreamOrder,
  Usage,
  Written,
} from "./commands.ts";
import { openDsnPeer } from "./dsn-peer.ts";
import { type OpenPeerOf, type Peer, type PeerListener, textOf } from "./peer.ts";
import { startProfile } from "./profiler.ts";
import { readRates } from "./read-rates.ts";
import { sendStream } from "./send-stream.ts";
import { Sightings } from "./sightings.ts";
import { countTraffic, trafficBytes } from "./traffic.ts";

/** After a write the IPC channel stays silent this long, so that it does not slow what is timed. */
const QUIET_MS = 20;

/** A payload that is not all zeros, as real ones are not. */
const FILLING = 0xa5;

const NOBODY: PeerListener = { onValue: () => undefined, onGone: () => undefined };

class Worker implements Commands {
  readonly #sightings = new Sightings();
  #peer: Peer | undefined;
  readonly #crowd: Peer[] = [];
  #endProfile: (() => Promise<void>) | undefined;

  async open(setup: Setup): Promise<number> {
    const { peer, port } = await openerOf(setup)(setup, {
      onValue: (writer, value) => this.#sightings.saw(writer, value),
      onGone: (index) => this.#sightings.lost(index),
    });
    this.#peer = peer;
    return port;
  }

  connect(ports: readonly number[]): Promise<void> {
    return this.#opened.connect(ports);
  }

  async join(setup: Setup, ports: readonly number[]): Promise<Joined> {
    const startedMs = nowMs();
    const port = await this.open(setup);
    await this.connect([...ports, port]);
    return { startedMs, completeMs: nowMs() };
  }

  async crowd(setup: Setup): Promise<void> {
    const { peer } = await openerOf(setup)(setup, NOBODY);
    this.#crowd.push(peer);
    await peer.connect([setup.firstPort ?? 0]);
  }

  async write(sequence: number, pauseMs: number): Promise<Written> {
    await sleep(pauseMs);
    const atMs = nowMs();
    this.#opened.write(textOf(sequence));
    const callMs = nowMs() - atMs;
    await sleep(QUIET_MS);
    return { atMs, callMs };
  }

  async burst(first: number, count: number, perTurn: number): Promise<number> {
    const startedMs = nowMs();
    for (let sequence = first; sequence < first + count; sequence += 1) {
      this.#opened.write(textOf(sequence));
      // Whatever the writes have put off to the end of this turn happens before this goes on.
      if ((sequence - first + 1) % perTurn === 0) await nextTurn();
    }
    return startedMs;
  }

  waitFor(writer: number, sequence: number): Promise<number> {
    return this.#sightings.waitFor(writer, sequence);
  }

  waitForGone(index: number): Promise<number> {
    return this.#sightings.waitForGone(index);
  }

  waitForBack(index: number): Promise<void> {
    return this.#opened.waitForBack(index);
  }

  async takeSightings(): Promise<readonly Sighting[]> {
    return this.#sightings.take();
  }

  async countSightings(): Promise<number> {
    return this.#sightings.take().length;
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

  stream(order: StreamOrder): Promise<number[]> {
    return sendStream(this.#opened, order, FILLING);
  }

  async reads(index: number, count: number): Promise<ReadRates> {
    return readRates(this.#opened, index, count);
  }

  async usage(): Promise<Usage> {
    const { user, system } = process.cpuUsage();
    return { atMs: nowMs(), cpuMs: (user + system) / 1_000, bytes: trafficBytes() };
  }

  async memory(): Promise<Memory> {
    // Before the collection: it is not what such a process is left with.
    const { rss: residentBytes } = process.memoryUsage();
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as () => void)();
    const { rss: collectedBytes, heapUsed: heapBytes } = process.memoryUsage();
    return { residentBytes, collectedBytes, heapBytes };
  }

  async startProfile(file: string): Promise<void> {
    this.#endProfile = await startProfile(file);
  }

  async close(): Promise<void> {
    await this.#endProfile?.();
    await Promise.all(this.#crowd.map((peer) => peer.close()));
    await this.#peer?.close();
  }

  get #opened(): Peer {
    if (this.#peer === undefined) throw new Error("this worker is not open");
    return this.#peer;
  }
}

function openerOf({ kind }: Setup): OpenPeerOf {
  return kind === "dsn" ? openDsnPeer : openBarePeer;
}

countTraffic();
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
    if (name === "close") process.exit(0);
  });
}

process.on("message", (request) => void answer(request as Request));
// Without its coordinator it would stay for ever.
process.on("disconnect", () => process.exit(1));
