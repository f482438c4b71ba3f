import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { createAesCbcSeal } from "../../../src/crypto/aes-cbc-seal.ts";
import type { InboundRequest } from "../../../src/transport/carrier.ts";
import { DEFAULT_UDP_LIMITS, type UdpLimits } from "../../../src/transport/limits.ts";
import { realAfter } from "../../../src/transport/timers.ts";
import { UdpAnswering } from "../../../src/transport/udp-answering.ts";
import { UdpAssociation } from "../../../src/transport/udp-association.ts";
import {
  decodeContent,
  encodeConfirm,
  encodeContent,
  type UdpContent,
} from "../../../src/transport/udp-content.ts";
import {
  decodeDatagram,
  encodeInit,
  FIRST_CONTENT_BYTES,
} from "../../../src/transport/udp-datagram.ts";
import { UdpServing } from "../../../src/transport/udp-serving.ts";
import type { UdpEndpoint } from "../../../src/transport/udp-switch.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { bytes, echo } from "../../contract/carrier.ts";

const KEY = new Uint8Array(16).fill(1);
const HERE = { address: "192.0.2.1", port: 1_000 };
const THERE = { address: "192.0.2.2", port: 1_000 };
const MINUTE_MS = 60_000;

let nowMs = 0;
beforeEach(() => {
  nowMs = 1_000_000;
});

/** One process that answers. */
class Answerer {
  readonly seen: InboundRequest[] = [];
  readonly sent: { readonly bytes: Uint8Array; readonly to: UdpEndpoint }[] = [];
  bytesIn = 0;
  readonly answering: UdpAnswering;

  constructor(limits: Partial<UdpLimits> = {}) {
    const all = { ...DEFAULT_UDP_LIMITS, ...limits };
    const serving = new UdpServing(createAesCbcSeal(KEY), all, realAfter);
    serving.listener = {
      onRequest: (request, respond) => {
        this.seen.push(request);
        echo(request, respond);
      },
    };
    this.answering = new UdpAnswering({
      networkKey: KEY,
      secret: randomBytes(32),
      monotonicMs: () => nowMs,
      limits: all,
      serving,
      send: (sent, to) => this.sent.push({ bytes: sent, to }),
    });
  }

  get bytesOut(): number {
    return this.sent.reduce((sum, sent) => sum + sent.bytes.length, 0);
  }

  /** What is answered to one datagram, if it is anything. */
  give(datagram: Uint8Array, source: UdpEndpoint): Uint8Array | undefined {
    this.bytesIn += datagram.length;
    const decoded = decodeDatagram(datagram);
    const before = this.sent.length;
    if (decoded !== undefined && decoded.kind !== "challenge" && decoded.kind !== "answer") {
      this.answering.receive(decoded, source);
    }
    const answers = this.sent.slice(before);
    expect(answers.length).toBeLessThanOrEqual(1);
    for (const { to } of answers) expect(to).toEqual(source);
    return answers[0]?.bytes;
  }
}

/** One asker, and all that it has sent: what somebody in between could record. */
class Asker {
  readonly source: UdpEndpoint;
  readonly recorded: Uint8Array[] = [];
  readonly #to: Answerer;
  readonly #key: Uint8Array;
  #association: UdpAssociation | undefined;
  #lastId = 0;

  constructor(to: Answerer, source: UdpEndpoint = HERE, key = KEY) {
    this.#to = to;
    this.source = source;
    this.#key = key;
  }

  /** The salt of a challenge for this asker. */
  challenge(saltA: Uint8Array): Uint8Array {
    const challenge = decodeDatagram(
      this.#to.give(encodeInit(saltA), this.source) ?? new Uint8Array(),
    );
    if (challenge?.kind !== "challenge") throw new Error("no challenge");
    return challenge.saltB;
  }

  /** Prepares a FIRST, and does not send it. */
  prepare(saltA: Uint8Array = randomBytes(16), saltB = this.challenge(saltA)): Uint8Array {
    this.#association = new UdpAssociation(this.#key, saltA, saltB, "asker");
    return this.first();
  }

  first(id = 0): Uint8Array {
    return this.#prepared.sealFirst(encodeConfirm(id, FIRST_CONTENT_BYTES));
  }

  seal(content: Uint8Array): Uint8Array {
    return this.#prepared.seal(content);
  }

  get #prepared(): UdpAssociation {
    if (this.#association === undefined) throw new Error("not prepared");
    return this.#association;
  }

  /** Begins an association; whether that was confirmed. */
  begin(): boolean {
    const first = this.prepare();
    this.recorded.push(first);
    return this.open(this.#to.give(first, this.source))?.what === "confirm";
  }

  request(): UdpContent | undefined {
    this.#lastId++;
    const { DATA } = MessageType;
    const content = { what: "request", id: this.#lastId, type: DATA, payload: bytes(9) } as const;
    const request = this.seal(encodeContent(content));
    this.recorded.push(request);
    return this.open(this.#to.give(request, this.source));
  }

  open(answer: Uint8Array | undefined): UdpContent | undefined {
    const datagram = answer === undefined ? undefined : decodeDatagram(answer);
    if (datagram?.kind !== "answer") return undefined;
    const content = this.#association?.open(datagram);
    return content === undefined ? undefined : decodeContent(content);
  }
}

const addressOf = (index: number) => ({
  address: `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`,
  port: 1 + (index % 60_000),
});

describe("The answering side of UDP", () => {
  it("confirms who echoes its challenge, with the id of the try, and answers it", () => {
    const answerer = new Answerer();
    const asker = new Asker(answerer);
    expect(asker.begin()).toBe(true);
    expect(asker.open(answerer.give(asker.first(7), HERE))).toEqual({ what: "confirm", id: 7 });
    expect(asker.request()).toMatchObject({ what: "answer", payload: Buffer.from(bytes(9)) });
    expect(answerer.seen).toMatchObject([{ type: MessageType.DATA, from: HERE.address }]);
    expect(answerer.answering.size).toBe(1);
  });

  it("keeps nothing for a flood of INITs from everywhere, and does not amplify it", () => {
    const answerer = new Answerer();
    for (let index = 0; index < 20_000; index++) {
      answerer.give(encodeInit(randomBytes(16)), addressOf(index));
    }
    expect(answerer.answering.size).toBe(0);
    expect(answerer.sent).toHaveLength(20_000);
    expect(answerer.bytesOut).toBeLessThanOrEqual(answerer.bytesIn);
  });

  it("keeps and says nothing for a flood of FIRSTs that echo nothing", () => {
    const answerer = new Answerer();
    const asker = new Asker(answerer);
    for (let index = 0; index < 5_000; index++) {
      const first = asker.prepare(randomBytes(16), randomBytes(16));
      expect(answerer.give(first, addressOf(index))).toBeUndefined();
    }
    expect(answerer.answering.size).toBe(0);
  });

  it("keeps and says nothing for FIRSTs without the network key", () => {
    const answerer = new Answerer();
    for (let index = 0; index < 500; index++) {
      expect(new Asker(answerer, addressOf(index), new Uint8Array(16).fill(2)).begin()).toBe(false);
    }
    expect(answerer.answering.size).toBe(0);
    expect(answerer.bytesOut).toBeLessThanOrEqual(answerer.bytesIn);
  });

  it("takes a challenge only from where it was sent", () => {
    const answerer = new Answerer();
    const first = new Asker(answerer).prepare();
    expect(answerer.give(first, THERE)).toBeUndefined();
    expect(answerer.give(first, { ...HERE, port: 1_001 })).toBeUndefined();
    expect(answerer.answering.size).toBe(0);
    expect(answerer.give(first, HERE)).toBeDefined();
  });

  it("takes a challenge for 30 to 60 seconds", () => {
    const answerer = new Answerer();
    for (const [laterMs, taken] of [
      [29_000, true],
      [MINUTE_MS, false],
    ] as const) {
      const first = new Asker(answerer, addressOf(laterMs)).prepare();
      nowMs += laterMs;
      expect(answerer.give(first, addressOf(laterMs)) !== undefined).toBe(taken);
    }
  });

  it("takes no challenge of another process", () => {
    const first = new Asker(new Answerer()).prepare();
    expect(new Answerer().give(first, HERE)).toBeUndefined();
  });

  it("takes no FIRST with another content than a confirmation", () => {
    const answerer = new Answerer();
    const saltA = randomBytes(16);
    const saltB = new Asker(answerer).challenge(saltA);
    const association = new UdpAssociation(KEY, saltA, saltB, "asker");
    const request = Buffer.alloc(FIRST_CONTENT_BYTES);
    const { DATA: type } = MessageType;
    request.set(encodeContent({ what: "request", id: 1, type, payload: bytes(9) }));
    expect(answerer.give(association.sealFirst(request), HERE)).toBeUndefined();
    expect(answerer.seen).toEqual([]);
    expect(answerer.answering.size).toBe(0);
  });

  it("answers no request from another address than its association's", () => {
    const answerer = new Answerer();
    const asker = new Asker(answerer);
    asker.begin();
    const content = { what: "request", id: 1, type: MessageType.DATA, payload: bytes(9) } as const;
    const request = asker.seal(encodeContent(content));
    expect(answerer.give(request, THERE)).toBeUndefined();
    expect(answerer.give(request, { ...HERE, port: 1_001 })).toBeUndefined();
    expect(answerer.seen).toEqual([]);
    expect(answerer.give(request, HERE)).toBeDefined();
  });
});

describe("Recorded datagrams", () => {
  /** All of them again, from where they came and from elsewhere, and in both orders. */
  const replay = ({ recorded }: Asker, to: Answerer) => {
    for (const source of [HERE, THERE, { ...HERE, port: 2_000 }]) {
      for (const datagram of [...recorded, ...recorded.toReversed(), ...recorded]) {
        expect(to.give(datagram, source)).toBeUndefined();
      }
    }
  };

  const prepare = (limits: Partial<UdpLimits> = {}) => {
    const answerer = new Answerer(limits);
    const asker = new Asker(answerer);
    asker.begin();
    for (let count = 0; count < 5; count++) asker.request();
    expect(answerer.seen).toHaveLength(5);
    return { answerer, asker };
  };

  it("reach nobody, from the same address and from others", () => {
    const { answerer, asker } = prepare();
    replay(asker, answerer);
    expect(answerer.seen).toHaveLength(5);
  });

  it("reach nobody after a restart", () => {
    const { asker } = prepare();
    const heir = new Answerer();
    replay(asker, heir);
    expect(heir.seen).toEqual([]);
    expect(heir.answering.size).toBe(0);
  });

  it("reach nobody at another node", () => {
    const { asker } = prepare();
    const other = new Answerer();
    new Asker(other).begin();
    replay(asker, other);
    expect(other.seen).toEqual([]);
  });

  it("reach nobody after their association was dropped to make room, as soon as that can be", () => {
    const { answerer, asker } = prepare({ associationsMax: 2 });
    expect(new Asker(answerer, addressOf(1)).begin()).toBe(true);
    let waitedMs = 0;
    // The one that is full up to now lets the next in when it has dropped the first.
    while (!new Asker(answerer, addressOf(2)).begin()) {
      nowMs += 500;
      waitedMs += 500;
    }
    expect(waitedMs).toBeGreaterThanOrEqual(MINUTE_MS);
    expect(waitedMs).toBeLessThan(MINUTE_MS + 2_000);
    nowMs += 2 * MINUTE_MS;
    replay(asker, answerer);
    expect(answerer.seen).toHaveLength(5);
  });

  it("reach nobody at any time after", () => {
    const { answerer, asker } = prepare({ associationsMax: 1 });
    for (let index = 0; index < 400; index++) {
      replay(asker, answerer);
      // Somebody else comes all the time, and takes the place as soon as it is free.
      new Asker(answerer, addressOf(index)).begin();
      nowMs += 997;
    }
    expect(answerer.seen).toHaveLength(5);
  });

  it("reach nobody after the asker began another association", () => {
    const { answerer, asker } = prepare();
    const late = asker.first();
    asker.begin();
    expect(asker.request()).toMatchObject({ what: "answer" });
    expect(answerer.give(late, HERE)).toBeUndefined();
    replay(asker, answerer);
    expect(answerer.seen).toHaveLength(6);
  });

  it("that were held back reach nobody either, once the asker began another association", () => {
    const answerer = new Answerer();
    const old = new Asker(answerer);
    old.begin();
    const held = { what: "request", id: 1, type: MessageType.DATA, payload: bytes(9) } as const;
    const request = old.seal(encodeContent(held));
    expect(new Asker(answerer).begin()).toBe(true);
    expect(answerer.give(request, HERE)).toBeUndefined();
    expect(answerer.seen).toEqual([]);
  });

  it("and junk get fewer bytes back than they have", () => {
    const { answerer, asker } = prepare();
    const source = fc.constantFrom(HERE, THERE, ...[1, 2, 3].map(addressOf));
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 1_200, size: "max" }),
      fc
        .tuple(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 1_195, size: "max" }))
        .map(([kind, body]) => Buffer.concat([Buffer.from("dsnu"), Uint8Array.of(kind), body])),
      fc.constantFrom(...asker.recorded).chain((recorded) =>
        fc.tuple(fc.nat(recorded.length - 1), fc.nat(255)).map(([index, byte]) => {
          const changed = Buffer.from(recorded);
          changed[index] = byte;
          return changed;
        }),
      ),
    );
    fc.assert(
      fc.property(junk, source, (datagram, from) => {
        const answer = answerer.give(datagram, from);
        expect(answer?.length ?? 0).toBeLessThanOrEqual(datagram.length);
      }),
      { numRuns: 2_000 },
    );
    expect(answerer.seen).toHaveLength(5);
    expect(answerer.answering.size).toBe(1);
  });
});

describe("Associations", () => {
  it("are as many as allowed, and those there keep their place", () => {
    const answerer = new Answerer({ associationsMax: 50 });
    const askers = Array.from({ length: 60 }, (_, index) => new Asker(answerer, addressOf(index)));
    expect(askers.map((asker) => asker.begin())).toEqual(askers.map((_, index) => index < 50));
    for (const asker of askers.slice(0, 50)) expect(asker.request()).toBeDefined();
    expect(answerer.answering.size).toBe(50);
  });

  it("of one address are fewer, so that it takes nobody's place", () => {
    const answerer = new Answerer({ associationsPerSourceMax: 10 });
    const begin = (port: number) => new Asker(answerer, { address: "10.0.0.1", port }).begin();
    const begun = Array.from({ length: 30 }, (_, index) => begin(1_000 + index));
    expect(begun.filter((one) => one)).toHaveLength(10);
    expect(new Asker(answerer, HERE).begin()).toBe(true);
    nowMs += 20 * MINUTE_MS;
    expect(begin(5_000)).toBe(true);
  });

  it("in use are never dropped to make room", () => {
    const answerer = new Answerer({ associationsMax: 2 });
    const [one, two] = [new Asker(answerer, addressOf(1)), new Asker(answerer, addressOf(2))];
    one.begin();
    two.begin();
    for (let second = 0; second < 300; second += 30) {
      nowMs += 30_000;
      expect(one.request()).toBeDefined();
      expect(two.request()).toBeDefined();
      expect(new Asker(answerer, HERE).begin()).toBe(false);
    }
  });

  it("that nobody uses are dropped after 15 minutes, and not before ten", () => {
    const answerer = new Answerer();
    const asker = new Asker(answerer, addressOf(1));
    asker.begin();
    nowMs += 10 * MINUTE_MS;
    new Asker(answerer, addressOf(2)).begin();
    expect(answerer.answering.size).toBe(2);
    expect(asker.request()).toBeDefined();
    nowMs += 16 * MINUTE_MS;
    new Asker(answerer, addressOf(3)).begin();
    expect(answerer.answering.size).toBe(1);
  });

  it("of one asker that begins again and again are dropped a minute after", () => {
    const answerer = new Answerer();
    for (let count = 0; count < 100; count++) {
      new Asker(answerer).begin();
      nowMs += 2_000;
    }
    expect(answerer.answering.size).toBeLessThan(35);
  });
});
