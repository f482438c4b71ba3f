/**
 * What every carrier does, whatever it runs on.
 * @module
 */
import { afterEach, describe, expect, it } from "vitest";
import type {
  Address,
  Carrier,
  CarrierListener,
  InboundRequest,
  Message,
  Outcome,
  Reply,
  RequestOptions,
} from "../../src/transport/carrier.ts";
import { MESSAGE_PATHS, MessageType } from "../../src/wire/message-type.ts";

/** One carrier under test. */
export interface CarrierSetup {
  /** A new carrier on the same network, with the same network key. */
  readonly create: () => Carrier;
  /** A new carrier with another network key; `undefined` where there is no key. */
  readonly createStranger?: () => Carrier;
  /** Where the carriers listen, and what they are called as senders. */
  readonly host: string;
  /**
   * True when the network has a key, and who asks may lack it: then one answer is given for every
   * failure. On a session the asker has proved itself before it can ask.
   */
  readonly sealed: boolean;
}

const KEY_REFUSED = {
  kind: "refused",
  status: 401,
  text: "Missing or incorrect encryption key",
} as const;

const OPTIONS: RequestOptions = { timeoutMs: 10_000, answerBytesMax: 4 * 1024 * 1024 };
const SIZES = [0, 1, 15, 16, 17, 1000, 65_536, 300_000, 1_000_000];

export function describeCarrier(name: string, setup: CarrierSetup): void {
  describe(`Carrier ${name}`, () => {
    const open: Carrier[] = [];
    const create = (make = setup.create) => {
      const carrier = make();
      open.push(carrier);
      return carrier;
    };
    /** A carrier that answers as told, and where. */
    const serve = async (onRequest: CarrierListener["onRequest"], more = {}) => {
      const carrier = create();
      const listener = { onRequest, ...more };
      return { carrier, at: await carrier.listen({ address: setup.host, port: 0 }, listener) };
    };

    afterEach(async () => {
      await Promise.all(open.splice(0).map((carrier) => carrier.close()));
    });

    it("listens on the port that the system chooses, and says which", async () => {
      const { at } = await serve(echo);
      expect(at.address).toBe(setup.host);
      expect(at.port).toBeGreaterThan(0);
    });

    for (const type of Object.values(MessageType)) {
      it(`brings the answer of ${MESSAGE_PATHS[type]}, and the request unchanged`, async () => {
        const seen: InboundRequest[] = [];
        const { at } = await serve((request, respond) => {
          seen.push(request);
          respond({ kind: "answer", payload: bytes(300, 7) });
        });
        const payload = type === MessageType.PING ? bytes(1, 0x20) : bytes(500, 3);
        const reply = await create().request(at, { type, payload }, OPTIONS);
        expectAnswer(reply, bytes(300, 7));
        expect(seen).toHaveLength(1);
        expect(seen[0]?.type).toBe(type);
        expect(hex(seen[0]?.payload)).toBe(hex(payload));
      });
    }

    it("brings payloads of every size both ways", async () => {
      const { at } = await serve(echo);
      const asker = create();
      for (const size of SIZES) {
        const payload = bytes(size, size);
        expectAnswer(await asker.request(at, data(payload), OPTIONS), payload);
      }
    });

    it("shares no memory between sender and receiver", async () => {
      const sent = bytes(64, 1);
      const answered = bytes(64, 2);
      const { at } = await serve(({ payload }, respond) => {
        payload.fill(0xff);
        respond({ kind: "answer", payload: answered });
      });
      const reply = await create().request(at, data(sent), OPTIONS);
      if (reply.kind !== "answer") throw new Error("no answer");
      reply.payload.fill(0xee);
      expect(hex(sent)).toBe(hex(bytes(64, 1)));
      expect(hex(answered)).toBe(hex(bytes(64, 2)));
    });

    it("shares no memory between the receivers of a broadcast", async () => {
      const answers: string[] = [];
      const handler: CarrierListener["onRequest"] = ({ payload }, respond) => {
        respond({ kind: "answer", payload: payload.slice() });
        payload.fill(0xff);
      };
      const to = [(await serve(handler)).at, (await serve(handler)).at];
      create().broadcast(to, data(bytes(50, 1)), OPTIONS, (_, reply) => {
        answers.push(reply.kind === "answer" ? hex(reply.payload) : reply.kind);
      });
      await until(() => answers.length === 2);
      expect(answers).toEqual([hex(bytes(50, 1)), hex(bytes(50, 1))]);
    });

    it("says where a request comes from", async () => {
      const from: string[] = [];
      const { at } = await serve((request, respond) => {
        from.push(request.from);
        respond({ kind: "answer", payload: bytes(0) });
      });
      await create().request(at, data(bytes(1)), OPTIONS);
      expect(from).toEqual([setup.host]);
    });

    it("brings the refusal of a known asker with status and text", async () => {
      const refusal = { status: 505, text: 'Network version mismatch "ä"', authenticated: true };
      const { at } = await serve((_, respond) => respond({ kind: "refusal", ...refusal }));
      const reply = await create().request(at, data(bytes(9)), OPTIONS);
      expect(reply).toEqual({ kind: "refused", status: 505, text: refusal.text });
    });

    it("brings a refusal without text", async () => {
      const refusal = { status: 500, text: "", authenticated: true };
      const { at } = await serve((_, respond) => respond({ kind: "refusal", ...refusal }));
      const reply = await create().request(at, data(bytes(9)), OPTIONS);
      expect(reply).toEqual({ kind: "refused", status: 500, text: "" });
    });

    it("tells an unknown asker of a network with a key nothing but that", async () => {
      const refusal = { status: 406, text: "Malformed packet", authenticated: false };
      const { at } = await serve((_, respond) => respond({ kind: "refusal", ...refusal }));
      const reply = await create().request(at, data(bytes(9)), OPTIONS);
      expect(reply).toEqual(
        setup.sealed
          ? KEY_REFUSED
          : { kind: "refused", status: refusal.status, text: refusal.text },
      );
    });

    it("answers a handler that throws as a refusal, tells of it, and carries on", async () => {
      const faults: unknown[] = [];
      const bug = new Error("a bug");
      const { at } = await serve(
        (request, respond) => {
          if (request.payload.length === 0) throw bug;
          echo(request, respond);
        },
        { onFault: (error: unknown) => faults.push(error) },
      );
      const asker = create();
      const reply = await asker.request(at, data(bytes(0)), OPTIONS);
      expect(reply).toEqual(
        setup.sealed ? KEY_REFUSED : { kind: "refused", status: 500, text: "" },
      );
      expect(faults).toEqual([bug]);
      expectAnswer(await asker.request(at, data(bytes(3)), OPTIONS), bytes(3));
    });

    const { createStranger } = setup;
    if (createStranger !== undefined) {
      it("refuses another network key, and says who called with it", async () => {
        const strangers: string[] = [];
        const seen: InboundRequest[] = [];
        const { at } = await serve((request) => seen.push(request), {
          onStranger: (from: string) => strangers.push(from),
        });
        const reply = await create(createStranger).request(at, data(bytes(40)), OPTIONS);
        expect(reply).toEqual(KEY_REFUSED);
        expect(strangers).toEqual([setup.host]);
        expect(seen).toEqual([]);
      });
    }

    if (setup.sealed) {
      it("answers a PING only when it is what the reference sends", async () => {
        const { at } = await serve(echo);
        const asker = create();
        const ping = (payload: Uint8Array) =>
          asker.request(at, { type: MessageType.PING, payload }, OPTIONS);
        expectAnswer(await ping(bytes(1, 0x20)), bytes(1, 0x20));
        expect(await ping(bytes(0))).toEqual(KEY_REFUSED);
        expect(await ping(bytes(2, 0x20))).toEqual(KEY_REFUSED);
        expect(await ping(bytes(1, 0x21))).toEqual(KEY_REFUSED);
      });
    }

    it("keeps many requests in flight apart", async () => {
      const waiting: (() => void)[] = [];
      const { at } = await serve((request, respond) => {
        // Answered in another order than they came.
        waiting.push(() => echo(request, respond));
        if (waiting.length < 16) return;
        for (const answer of waiting.splice(0).reverse()) answer();
      });
      const asker = create();
      const payloads = Array.from({ length: 160 }, (_, index) => bytes(index + 1, index));
      const replies = await Promise.all(
        payloads.map((payload) => asker.request(at, data(payload), OPTIONS)),
      );
      for (const [index, reply] of replies.entries()) expectAnswer(reply, payloads[index]);
    });

    it("broadcasts to all, and no slow receiver delays another", async () => {
      let release = () => {};
      // It may be so slow that it is asked only when the others have answered.
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const slow = await serve((request, respond) => {
        void released.then(() => echo(request, respond));
      });
      const quick = [await serve(echo), await serve(echo)];
      const to = [slow.at, ...quick.map(({ at }) => at)];
      const replies = new Map<number, Reply>();
      const asker = create();
      const all = new Promise<void>((resolve) => {
        asker.broadcast(to, data(bytes(77)), OPTIONS, (index, reply) => {
          expect(replies.has(index)).toBe(false);
          replies.set(index, reply);
          // The slow one answers only after both others have.
          if (replies.size === 2) release();
          if (replies.size === 3) resolve();
        });
      });
      await all;
      expect([...replies.keys()].at(-1)).toBe(0);
      for (const reply of replies.values()) expectAnswer(reply, bytes(77));
    });

    it("tells the failure of each receiver of a broadcast on its own", async () => {
      const { at } = await serve(echo);
      const nobody = await freeAddress();
      const replies = await new Promise<Map<number, Reply>>((resolve) => {
        const replies = new Map<number, Reply>();
        create().broadcast([nobody, at], data(bytes(5)), OPTIONS, (index, reply) => {
          if (replies.set(index, reply).size === 2) resolve(replies);
        });
      });
      expect(replies.get(0)).toMatchObject({ kind: "failed", reason: "unreachable" });
      expectAnswer(replies.get(1), bytes(5));
    });

    it("finds nobody unreachable, long before the time is over", async () => {
      const nobody = await freeAddress();
      const startedMs = performance.now();
      const reply = await create().request(nobody, data(bytes(5)), OPTIONS);
      expect(reply).toMatchObject({ kind: "failed", reason: "unreachable" });
      expect(performance.now() - startedMs).toBeLessThan(OPTIONS.timeoutMs / 4);
    });

    it("waits no longer than told for a handler that never answers", async () => {
      const { at } = await serve(() => {});
      const startedMs = performance.now();
      const reply = await create().request(at, data(bytes(5)), { ...OPTIONS, timeoutMs: 150 });
      const tookMs = performance.now() - startedMs;
      expect(reply).toMatchObject({ kind: "failed", reason: "no-answer" });
      expect(tookMs).toBeGreaterThan(140);
      expect(tookMs).toBeLessThan(1500);
    });

    it("ignores an answer that comes after the time is over", async () => {
      const late: (() => void)[] = [];
      const { at } = await serve((request, respond) => late.push(() => echo(request, respond)));
      const asker = create();
      const reply = await asker.request(at, data(bytes(5)), { ...OPTIONS, timeoutMs: 50 });
      expect(reply).toMatchObject({ kind: "failed", reason: "no-answer" });
      for (const answer of late) answer();
      const next = asker.request(at, data(bytes(6)), OPTIONS);
      await until(() => late.length === 2);
      late[1]?.();
      expectAnswer(await next, bytes(6));
    });

    it("takes the first answer of a handler that answers twice", async () => {
      const { at } = await serve(({ payload }, respond) => {
        respond({ kind: "answer", payload });
        respond({ kind: "refusal", status: 500, text: "second", authenticated: true });
      });
      const asker = create();
      expectAnswer(await asker.request(at, data(bytes(5)), OPTIONS), bytes(5));
      expectAnswer(await asker.request(at, data(bytes(6)), OPTIONS), bytes(6));
    });

    it("takes a refusal that is followed by an answer", async () => {
      const { at } = await serve(({ payload }, respond) => {
        respond({ kind: "refusal", status: 401, text: "first", authenticated: false });
        respond({ kind: "answer", payload });
      });
      const reply = await create().request(at, data(bytes(5)), OPTIONS);
      expect(reply).toEqual(
        setup.sealed ? KEY_REFUSED : { kind: "refused", status: 401, text: "first" },
      );
    });

    it("takes answers that come later", async () => {
      const { at } = await serve((request, respond) => {
        setTimeout(() => echo(request, respond), 20);
      });
      expectAnswer(await create().request(at, data(bytes(5)), OPTIONS), bytes(5));
    });

    it("refuses an answer that is larger than allowed", async () => {
      const { at } = await serve((_, respond) =>
        respond({ kind: "answer", payload: bytes(100_000) }),
      );
      const asker = create();
      const reply = await asker.request(at, data(bytes(5)), { ...OPTIONS, answerBytesMax: 50_000 });
      expect(reply).toMatchObject({ kind: "failed", reason: "too-large" });
      expect(await asker.request(at, data(bytes(5)), OPTIONS)).toMatchObject({ kind: "answer" });
    });

    it("refuses a request over the limit of its type with 413", async () => {
      const seen: InboundRequest[] = [];
      const { at } = await serve((request) => seen.push(request));
      const hello = { type: MessageType.HELLO, payload: bytes(70_000) };
      const reply = await create().request(at, hello, OPTIONS);
      expect(reply).toEqual({ kind: "refused", status: 413, text: "" });
      expect(seen).toEqual([]);
    });

    it("gives up when the caller does", async () => {
      const { at } = await serve(() => {});
      const giveUp = new AbortController();
      const asker = create();
      const reply = asker.request(at, data(bytes(5)), { ...OPTIONS, signal: giveUp.signal });
      setTimeout(() => giveUp.abort(), 20);
      expect(await reply).toMatchObject({ kind: "failed", reason: "closed" });
      const again = asker.request(at, data(bytes(5)), { ...OPTIONS, signal: giveUp.signal });
      expect(await again).toMatchObject({ kind: "failed", reason: "closed" });
    });

    it("ends open requests as closed when it closes, and takes no more", async () => {
      const seen: InboundRequest[] = [];
      const { at } = await serve((request) => seen.push(request));
      const asker = create();
      const replies = Array.from({ length: 20 }, () => asker.request(at, data(bytes(5)), OPTIONS));
      await until(() => seen.length > 0);
      await asker.close();
      for (const reply of await Promise.all(replies)) {
        expect(reply).toMatchObject({ kind: "failed", reason: "closed" });
      }
      expect(await asker.request(at, data(bytes(5)), OPTIONS)).toMatchObject({
        kind: "failed",
        reason: "closed",
      });
    });

    it("closes twice, at once and again", async () => {
      const { carrier } = await serve(echo);
      await Promise.all([carrier.close(), carrier.close()]);
      await carrier.close();
    });

    it("closes before it has ever listened or asked", async () => {
      await create().close();
    });

    it("ends a running answer when the answering side closes", async () => {
      const seen: InboundRequest[] = [];
      const { at, carrier } = await serve((request) => seen.push(request));
      const reply = create().request(at, data(bytes(5)), OPTIONS);
      await until(() => seen.length === 1);
      const startedMs = performance.now();
      await carrier.close();
      expect(await reply).toMatchObject({ kind: "failed", reason: "no-answer" });
      expect(performance.now() - startedMs).toBeLessThan(2000);
    });

    it("cannot be reached after close, and leaves the port to others", async () => {
      const { at, carrier } = await serve(echo);
      const asker = create();
      expectAnswer(await asker.request(at, data(bytes(5)), OPTIONS), bytes(5));
      await carrier.close();
      expect(await create().request(at, data(bytes(5)), OPTIONS)).toMatchObject({
        kind: "failed",
        reason: "unreachable",
      });
      // Whoever still holds a connection cannot know whether its request was the last to arrive.
      expect(await asker.request(at, data(bytes(5)), OPTIONS)).toMatchObject({ kind: "failed" });
      const heir = create();
      expect(await heir.listen(at, { onRequest: echo })).toEqual(at);
      expectAnswer(await asker.request(at, data(bytes(6)), OPTIONS), bytes(6));
    });

    it("rejects a port in use, names it, and can take another", async () => {
      const { at } = await serve(echo);
      const second = create();
      await expect(second.listen(at, { onRequest: echo })).rejects.toMatchObject({
        code: "DSN_PORT_IN_USE",
        message: expect.stringContaining(String(at.port)),
      });
      const free = await second.listen({ ...at, port: 0 }, { onRequest: echo });
      expectAnswer(await create().request(free, data(bytes(5)), OPTIONS), bytes(5));
    });

    it("tells once when a peer that has answered goes away", async () => {
      const { at, carrier } = await serve(echo);
      const lost: Address[] = [];
      const asker = create();
      await asker.listen(
        { address: setup.host, port: 0 },
        { onRequest: echo, onConnectionLost: (to) => lost.push(to) },
      );
      await Promise.all([1, 2, 3, 4].map(() => asker.request(at, data(bytes(5)), OPTIONS)));
      expect(lost).toEqual([]);
      await carrier.close();
      await until(() => lost.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(lost).toEqual([at]);
    });

    /** Where nobody listens: an address that was in use a moment ago. */
    async function freeAddress(): Promise<Address> {
      const { at, carrier } = await serve(echo);
      await carrier.close();
      return at;
    }
  });
}

export function echo(request: InboundRequest, respond: (outcome: Outcome) => void): void {
  respond({ kind: "answer", payload: request.payload });
}

export function bytes(length: number, seed = 0): Uint8Array {
  return new Uint8Array(length).map((_, index) => (index * 31 + seed) & 0xff);
}

export function data(payload: Uint8Array): Message {
  return { type: MessageType.DATA, payload };
}

/** Waits for what a test waits for; the test's own time limit ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

function expectAnswer(reply: Reply | undefined, payload: Uint8Array | undefined): void {
  expect(reply).toMatchObject({ kind: "answer" });
  if (reply?.kind === "answer") expect(hex(reply.payload)).toBe(hex(payload));
}

/** Long payloads compared byte by byte by the test library take seconds. */
function hex(payload: Uint8Array | undefined): string {
  return Buffer.from(payload ?? []).toString("hex");
}
