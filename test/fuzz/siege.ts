/**
 * A live node under fire, beside an honest one whose messages the attacker has recorded: what must
 * not change, and how it is seen.
 * @module
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect } from "vitest";
import { createAesCbcSeal, createPlainSeal } from "../../src/crypto/aes-cbc-seal.ts";
import type { DSNodeConfigInput } from "../../src/node/config.ts";
import type { Carrier } from "../../src/transport/carrier.ts";
import { createDatagramsFirst } from "../../src/transport/datagrams-first.ts";
import { createHttpCarrier } from "../../src/transport/http-carrier.ts";
import { UdpCarrier } from "../../src/transport/udp-carrier.ts";
import { decodeData } from "../../src/wire/data.ts";
import { decodeHello } from "../../src/wire/hello.ts";
import { decodeHelloBlock } from "../../src/wire/hello-block.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { decodePeers } from "../../src/wire/peers.ts";
import { isPingRequest } from "../../src/wire/ping.ts";
import { decodeStatePacket } from "../../src/wire/state-packet.ts";
import { eventually } from "../helpers/eventually.ts";
import type { Observed, TestNetwork } from "../helpers/network.ts";
import { answerOf, fromHex, REFUSED, toHex } from "../vectors.ts";
import type { Row } from "./campaign.ts";
import { SHOTS, type Shot } from "./corpus.ts";
import { below, mutate, pick, type Random } from "./mutate.ts";

const MIB = 1024 * 1024;
/**
 * What a flood of small messages may take for a while, in bytes: far less than the 128 MiB of
 * bodies that a node may hold, and what the attacker in this process takes for itself.
 */
const RSS_GROWTH_MAX = 256 * MIB;
/** What may be left of it afterwards, in bytes. */
const HEAP_GROWTH_MAX = 24 * MIB;

const NOISE_BYTES_MAX = 4_000;

/** One carrier that a node is attacked on. */
export interface Field {
  readonly udp: boolean;
  readonly sealed: boolean;
  /** Makes the carrier of each node. Default: sockets. */
  readonly createCarrier?: () => Carrier;
}

/** What was attacked, what it looked like before, and what went wrong meanwhile. */
export class Siege {
  readonly target: Observed;
  readonly #net: TestNetwork;
  readonly #field: Field;
  readonly #witness: Observed;
  readonly #shots: readonly Shot[];
  readonly #payloads: readonly Uint8Array[];
  readonly #said = new Set<string>();
  readonly #before: unknown;
  readonly #heapBytes: number;
  readonly #rssBytes: number;
  readonly #troubles: string[] = [];
  #rssPeakBytes = 0;

  static async begin(net: TestNetwork, field: Field): Promise<Siege> {
    if (!field.sealed) net.key = undefined;
    const target = await start(net, field, { nodeId: "target" });
    const recorded: Shot[] = [];
    const witness = await start(
      net,
      field,
      { nodeId: "witness", bootstrapNodes: [target.address] },
      recorded,
    );
    await target.server.waitForPeers(["witness"]);
    witness.server.updateMany({ status: "ready", é: "\u0000" });
    await witness.server.sendToNode("target", "recorded once");
    await target.server.waitForKey("witness", "status");
    await eventually(() => {
      expect(new Set(recorded.map(({ type }) => type)).size).toBe(5);
      expect(target.data).toHaveLength(1);
    });
    return new Siege(net, field, target, witness, recorded);
  }

  private constructor(
    net: TestNetwork,
    field: Field,
    target: Observed,
    witness: Observed,
    recorded: readonly Shot[],
  ) {
    this.#net = net;
    this.#field = field;
    this.target = target;
    this.#witness = witness;
    // The witness goes on talking; what it says from now on is not repeated.
    const real = recorded.slice(0, 40);
    // As often as all others together: these come closest to being believed.
    const weight = Math.ceil(SHOTS.length / real.length);
    this.#shots = [...SHOTS, ...Array.from({ length: weight }, () => real).flat()];
    this.#payloads = this.#shots.map(({ payload }) => payload);
    for (const shot of this.#shots) this.#said.add(meaningOf(shot));
    this.#before = this.#look();
    this.#heapBytes = heapBytes();
    this.#rssBytes = process.memoryUsage().rss;
    process.on("warning", this.#onWarning);
    process.on("unhandledRejection", this.#onTrouble);
    process.on("uncaughtExceptionMonitor", this.#onTrouble);
  }

  get port(): number {
    return this.target.server.port;
  }

  /** A message that nobody has said, not even in other words. */
  nextShot(random: Random): Shot {
    for (;;) {
      const { type, payload } = pick(this.#shots, random);
      const changed = {
        type: random() < 0.1 ? pick(Object.values(MessageType), random) : type,
        payload: mutate(payload, this.#payloads, random).subarray(0, NOISE_BYTES_MAX),
      };
      if (!this.wasSaid(changed)) return changed;
    }
  }

  /** Some message that was said. */
  said(random: Random): Shot {
    return this.#shots[below(this.#shots.length, random)] ?? this.said(random);
  }

  /**
   * Whether the message means what one that was said means: then answering it is right. Where
   * there is no key, every PING is one.
   */
  wasSaid(shot: Shot): boolean {
    if (shot.type === MessageType.PING) return !this.#field.sealed || isPingRequest(shot.payload);
    return this.#said.has(meaningOf(shot));
  }

  /** To be called now and then. */
  watch(): void {
    this.#rssPeakBytes = Math.max(this.#rssPeakBytes, process.memoryUsage().rss);
  }

  /** Whether the node is as it was; adds to the findings of `row` what is not. */
  async end(row: Row): Promise<void> {
    this.watch();
    const after = await eventually(() => {
      const now = this.#look();
      expect(now).toEqual(this.#before);
      return now;
    }, 15_000).catch((error: unknown) => String(error));
    if (typeof after === "string") row.findings.push(`the node changed: ${after}`);
    const grown = this.#rssPeakBytes - this.#rssBytes;
    if (grown > RSS_GROWTH_MAX) row.findings.push(`the process grew by ${grown} bytes`);
    await this.#demandServes().catch((error: unknown) => {
      row.findings.push(`the node serves nobody any more: ${String(error)}`);
    });
    const left = heapBytes() - this.#heapBytes;
    if (left > HEAP_GROWTH_MAX) row.findings.push(`${left} bytes are left behind`);
    row.findings.push(...this.#troubles);
    process.off("warning", this.#onWarning);
    process.off("unhandledRejection", this.#onTrouble);
    process.off("uncaughtExceptionMonitor", this.#onTrouble);
  }

  /** An honest node joins, writes, and is heard. */
  async #demandServes(): Promise<void> {
    const config = { nodeId: "newcomer", bootstrapNodes: [this.target.address] };
    const newcomer = await start(this.#net, this.#field, config);
    newcomer.server.updateData("status", "here");
    expect(await this.target.server.waitForKey("newcomer", "status")).toBe("here");
    expect(await newcomer.server.waitForKey("witness", "status")).toBe("ready");
    await newcomer.server.sendToNode("target", "hello");
  }

  /** All that an outsider could have changed. */
  #look() {
    const { server, joins, leaves, updates, data } = this.target;
    // Its own HELLO, said again, makes a node one that is to be looked for, and no more.
    const known = server.peerInfo().filter(({ nodeId, status }) => {
      return status !== "joining" || !RECORDED_NAMES.has(nodeId);
    });
    const members = known.map(({ nodeId, endpoint, fingerprint, updatedAt }) => {
      return { nodeId, endpoint: endpoint?.toString(), fingerprint, writtenMs: Number(updatedAt) };
    });
    const counts = [joins, leaves, updates, data].map(({ length }) => length);
    const witness = this.#witness.server.getAll("target");
    return { peers: server.peers(), members, counts, all: server.getAll("witness"), witness };
  }

  readonly #onWarning = (warning: Error) => {
    this.#troubles.push(`a fault in the node: ${warning.stack ?? warning.message}`);
  };

  readonly #onTrouble = (error: unknown) => {
    const text = error instanceof Error ? error.stack : String(error);
    this.#troubles.push(`nobody caught: ${text}`);
  };
}

/** Nodes whose real HELLOs are among what is sent. */
const RECORDED_NAMES: ReadonlySet<string> = new Set(
  SHOTS.filter(({ type }) => type === MessageType.HELLO).flatMap(({ payload }) => {
    const name = answerOf(() => decodeHello(payload).hello.nodeId);
    return name === REFUSED ? [] : [String(name)];
  }),
);

/** @param recorded What the node says to others, if it is to be recorded. */
async function start(
  net: TestNetwork,
  field: Field,
  config: DSNodeConfigInput,
  recorded?: Shot[],
): Promise<Observed> {
  const carrier = field.createCarrier?.() ?? createCarrier(net, field);
  const features = field.udp ? ["udp"] : [];
  const parts = { carrier: recorded === undefined ? carrier : tapped(carrier, recorded), features };
  return net.ours({ udp: field.udp, ...config }, { parts });
}

function createCarrier({ key }: TestNetwork, { udp }: Field): Carrier {
  const networkKey = key === undefined ? undefined : fromHex(key);
  const seal = networkKey === undefined ? createPlainSeal() : createAesCbcSeal(networkKey);
  const http = createHttpCarrier({ seal });
  return udp ? createDatagramsFirst({ http, udp: new UdpCarrier({ networkKey }) }) : http;
}

/** A carrier whose requests are written down. */
function tapped(carrier: Carrier, recorded: Shot[]): Carrier {
  return {
    name: carrier.name,
    listen: (at, listener) => carrier.listen(at, listener),
    request: (to, message, options) => {
      recorded.push({ ...message, payload: Uint8Array.from(message.payload) });
      return carrier.request(to, message, options);
    },
    broadcast: (to, message, options, onReply) => {
      recorded.push({ ...message, payload: Uint8Array.from(message.payload) });
      carrier.broadcast(to, message, options, onReply);
    },
    speaksDatagrams: (to, speaks) => carrier.speaksDatagrams?.(to, speaks),
    close: () => carrier.close(),
  };
}

/**
 * What a message says: its signed bytes and their signature. Two messages that differ elsewhere,
 * in what trails or in what no signature covers, say the same. An empty PEERS and an empty DATA
 * are the same signed bytes; SECURITY.md says so.
 */
export function meaningOf({ type, payload }: Shot): string {
  const meaning = answerOf(() => readMeaning(type, payload));
  return meaning === REFUSED ? `none: ${type} ${toHex(payload)}` : String(meaning);
}

function readMeaning(type: MessageType, payload: Uint8Array): string {
  switch (type) {
    case MessageType.HELLO: {
      const { hello, signedPart, trailing } = decodeHello(payload);
      const block = decodeHelloBlock(trailing);
      const blockText = block === undefined ? "" : toHex(block.body) + toHex(block.signature);
      return `HELLO ${toHex(signedPart)} ${toHex(hello.signature)} ${blockText}`;
    }
    case MessageType.UPDATE: {
      const { signedPart, packet } = decodeStatePacket(payload);
      return `UPDATE ${toHex(signedPart)} ${toHex(packet.signature)}`;
    }
    case MessageType.PEERS: {
      const { signedPart, packet } = decodePeers(payload);
      return `BYTES ${toHex(signedPart)} ${toHex(packet.signature)}`;
    }
    case MessageType.DATA: {
      const { signedPart, packet } = decodeData(payload);
      return `BYTES ${toHex(signedPart)} ${toHex(packet.signature)}`;
    }
    case MessageType.PING:
      return `PING ${toHex(payload)}`;
  }
}

let collect: (() => void) | undefined;

/** What is in use after a collection, in bytes. */
function heapBytes(): number {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
