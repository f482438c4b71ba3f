import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createAesCbcSeal, createPlainSeal } from "../../../src/crypto/aes-cbc-seal.ts";
import type { InboundRequest, Outcome } from "../../../src/transport/carrier.ts";
import { DEFAULT_UDP_LIMITS, type UdpLimits } from "../../../src/transport/limits.ts";
import { realAfter } from "../../../src/transport/timers.ts";
import { RememberedAnswers } from "../../../src/transport/udp-answers.ts";
import {
  decodeContent,
  PAYLOAD_BYTES_MAX,
  type UdpContent,
  type UdpRequest,
} from "../../../src/transport/udp-content.ts";
import { UdpAsker, UdpServing } from "../../../src/transport/udp-serving.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { bytes, echo } from "../../contract/carrier.ts";

const sealed = createAesCbcSeal(new Uint8Array(16));
const { DATA, PING } = MessageType;
const KEY_REFUSED = { what: "refusal", status: 401, text: "Missing or incorrect encryption key" };

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A serving side, and what it did. */
class Scene {
  readonly seen: InboundRequest[] = [];
  readonly responds: ((outcome: Outcome) => void)[] = [];
  readonly faults: unknown[] = [];
  readonly sent: (UdpContent | undefined)[] = [];
  readonly serving: UdpServing;
  readonly asker: UdpAsker;
  onRequest: (request: InboundRequest, respond: (outcome: Outcome) => void) => void = echo;

  constructor(limits: Partial<UdpLimits> = {}, seal = sealed) {
    this.serving = new UdpServing(seal, { ...DEFAULT_UDP_LIMITS, ...limits }, realAfter);
    this.serving.listener = {
      onRequest: (request, respond) => {
        this.seen.push(request);
        this.responds.push(respond);
        this.onRequest(request, respond);
      },
      onFault: (error) => this.faults.push(error),
    };
    this.asker = this.createAsker();
  }

  createAsker(): UdpAsker {
    return new UdpAsker("192.0.2.1", (content) => this.sent.push(decodeContent(content)));
  }

  /** What is answered at once. */
  receive(id: number, more: Partial<UdpRequest> = {}, asker = this.asker): UdpContent[] {
    const before = this.sent.length;
    this.serving.receive(asker, { what: "request", id, type: DATA, payload: bytes(3), ...more });
    return this.sent.slice(before).flatMap((content) => content ?? []);
  }
}

const answer = (id: number) => ({ what: "answer", id, type: DATA, payload: Buffer.from(bytes(3)) });
const silent = () => undefined;

describe("UdpServing", () => {
  it("brings a request to the handler once, and its answer as often as it comes", () => {
    const scene = new Scene();
    for (let time = 0; time < 5; time++) expect(scene.receive(1)).toEqual([answer(1)]);
    expect(scene.seen).toHaveLength(1);
    expect(scene.seen[0]).toMatchObject({ type: DATA, from: "192.0.2.1" });
  });

  it("says that it has a request whose answer is not made", () => {
    const scene = new Scene();
    scene.onRequest = silent;
    expect(scene.receive(1)).toEqual([]);
    expect(scene.receive(1)).toEqual([{ what: "taken", id: 1 }]);
    scene.responds[0]?.({ kind: "answer", payload: bytes(3) });
    expect(scene.sent.at(-1)).toEqual(answer(1));
    expect(scene.receive(1)).toEqual([answer(1)]);
    expect(scene.seen).toHaveLength(1);
  });

  it("tells the requests of two askers apart", () => {
    const scene = new Scene();
    scene.receive(1);
    expect(scene.receive(1, { payload: bytes(9) }, scene.createAsker())).toMatchObject([
      { payload: Buffer.from(bytes(9)) },
    ]);
    expect(scene.seen).toHaveLength(2);
  });

  it("sends on to HTTP what it has answered and forgotten, and asks nobody again", () => {
    const scene = new Scene({ answersMax: 3 });
    for (let id = 1; id <= 4; id++) scene.receive(id);
    expect(scene.receive(1)).toEqual([{ what: "elsewhere", id: 1 }]);
    expect(scene.receive(2)).toEqual([answer(2)]);
    expect(scene.seen).toHaveLength(4);
  });

  it("asks nobody again for an id from long ago", () => {
    const scene = new Scene();
    scene.receive(5_000);
    expect(scene.receive(3)).toEqual([{ what: "elsewhere", id: 3 }]);
    expect(scene.seen).toHaveLength(1);
  });

  it("answers as many at once as allowed, in all and for each asker", () => {
    const scene = new Scene({ requestsMax: 5, requestsPerAssociationMax: 3 });
    scene.onRequest = silent;
    const other = scene.createAsker();
    expect([1, 2, 3].flatMap((id) => scene.receive(id))).toEqual([]);
    expect(scene.receive(4)).toEqual([{ what: "elsewhere", id: 4 }]);
    expect([1, 2].flatMap((id) => scene.receive(id, {}, other))).toEqual([]);
    expect(scene.receive(3, {}, other)).toEqual([{ what: "elsewhere", id: 3 }]);
    expect(scene.serving.running).toBe(5);
    scene.responds[0]?.({ kind: "answer", payload: bytes(3) });
    expect(scene.receive(5)).toEqual([]);
    expect(scene.seen).toHaveLength(6);
  });

  it("sends on to HTTP when the answer does not fit", () => {
    const scene = new Scene();
    scene.onRequest = (_, respond) =>
      respond({ kind: "answer", payload: bytes(PAYLOAD_BYTES_MAX + 1) });
    expect(scene.receive(1)).toEqual([{ what: "elsewhere", id: 1 }]);
    scene.onRequest = (_, respond) =>
      respond({ kind: "answer", payload: bytes(PAYLOAD_BYTES_MAX) });
    expect(scene.receive(2)).toMatchObject([{ what: "answer" }]);
    scene.onRequest = (_, respond) =>
      respond({ kind: "refusal", status: 500, text: "x".repeat(2_000), authenticated: true });
    expect(scene.receive(3)).toEqual([{ what: "elsewhere", id: 3 }]);
  });

  it("refuses as HTTP does", () => {
    const scene = new Scene();
    const refuse = (authenticated: boolean) => {
      scene.onRequest = (_, respond) =>
        respond({ kind: "refusal", status: 505, text: "no", authenticated });
    };
    refuse(true);
    expect(scene.receive(1)).toEqual([{ what: "refusal", id: 1, status: 505, text: "no" }]);
    refuse(false);
    expect(scene.receive(2)).toEqual([{ ...KEY_REFUSED, id: 2 }]);
    const open = new Scene({}, createPlainSeal());
    open.onRequest = scene.onRequest;
    expect(open.receive(1)).toEqual([{ what: "refusal", id: 1, status: 505, text: "no" }]);
  });

  it("answers a PING only when it is what the reference sends, on a network with a key", () => {
    const scene = new Scene();
    expect(scene.receive(1, { type: PING, payload: Buffer.of(0x20) })).toMatchObject([
      { what: "answer", type: PING },
    ]);
    expect(scene.receive(2, { type: PING, payload: Buffer.of(0x21) })).toEqual([
      { ...KEY_REFUSED, id: 2 },
    ]);
    expect(scene.receive(2, { type: PING, payload: Buffer.of(0x21) })).toHaveLength(1);
    expect(scene.seen).toHaveLength(1);
    const open = new Scene({}, createPlainSeal());
    expect(open.receive(1, { type: PING })).toMatchObject([{ what: "answer", type: PING }]);
  });

  it("takes the first answer only", () => {
    const scene = new Scene();
    scene.onRequest = (request, respond) => {
      echo(request, respond);
      respond({ kind: "refusal", status: 500, text: "", authenticated: true });
    };
    expect(scene.receive(1)).toEqual([answer(1)]);
    expect(scene.receive(1)).toEqual([answer(1)]);
  });

  it("refuses for a handler that throws, tells of it, and carries on", () => {
    const scene = new Scene();
    const bug = new Error("a bug");
    scene.onRequest = () => {
      throw bug;
    };
    expect(scene.receive(1)).toEqual([{ ...KEY_REFUSED, id: 1 }]);
    expect(scene.faults).toEqual([bug]);
    scene.onRequest = echo;
    expect(scene.receive(2)).toEqual([answer(2)]);
    expect(scene.serving.running).toBe(0);
  });

  it("keeps the answer of a handler that answers and then throws", () => {
    const scene = new Scene();
    scene.onRequest = (request, respond) => {
      echo(request, respond);
      throw new Error("a bug");
    };
    expect(scene.receive(1)).toEqual([answer(1)]);
    expect(scene.faults).toHaveLength(1);
  });

  it("refuses with 500 for a handler that never answers", async () => {
    const scene = new Scene();
    scene.onRequest = silent;
    scene.receive(1);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(scene.sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(scene.sent).toEqual([{ what: "refusal", id: 1, status: 500, text: "" }]);
    expect(scene.serving.running).toBe(0);
    scene.responds[0]?.({ kind: "answer", payload: bytes(3) });
    expect(scene.sent).toHaveLength(1);
  });

  it("without a listener sends everything on to HTTP", () => {
    const scene = new Scene();
    scene.serving.listener = undefined;
    expect(scene.receive(1)).toEqual([{ what: "elsewhere", id: 1 }]);
  });

  it("lets running answers finish when it closes, and takes no more", async () => {
    const scene = new Scene();
    scene.onRequest = silent;
    scene.receive(1);
    let closed = false;
    const closing = scene.serving.close().then(() => {
      closed = true;
    });
    await vi.advanceTimersByTimeAsync(100);
    expect(closed).toBe(false);
    expect(scene.receive(2)).toEqual([{ what: "elsewhere", id: 2 }]);
    scene.responds[0]?.({ kind: "answer", payload: bytes(3) });
    await closing;
    expect(scene.sent.at(-1)).toEqual(answer(1));
    expect(vi.getTimerCount()).toBe(0);
  });

  it("sends on to HTTP what is not answered in time when it closes", async () => {
    const scene = new Scene();
    scene.onRequest = silent;
    scene.receive(1);
    const closing = scene.serving.close();
    await vi.advanceTimersByTimeAsync(251);
    await closing;
    expect(scene.sent).toEqual([{ what: "elsewhere", id: 1 }]);
    expect(scene.serving.running).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("RememberedAnswers", () => {
  it("hold no more than allowed, by count, and forget the oldest", () => {
    const remembered = new RememberedAnswers(10, 1_000_000);
    const askers = [new Map<number, Uint8Array>(), new Map<number, Uint8Array>()] as const;
    for (let id = 0; id < 1_000; id++) remembered.add(askers[id % 2 === 0 ? 0 : 1], id, bytes(5));
    expect(remembered.count).toBe(10);
    expect(remembered.bytes).toBe(50);
    expect([...askers[0].keys()]).toEqual([990, 992, 994, 996, 998]);
    expect([...askers[1].keys()]).toEqual([991, 993, 995, 997, 999]);
  });

  it("hold no more than allowed, in bytes", () => {
    const remembered = new RememberedAnswers(1_000, 100);
    const answers = new Map<number, Uint8Array>();
    for (let id = 0; id < 500; id++) {
      remembered.add(answers, id, bytes(id % 37));
      expect(remembered.bytes).toBeLessThanOrEqual(100);
      expect([...answers.values()].reduce((sum, { length }) => sum + length, 0)).toBe(
        remembered.bytes,
      );
      expect(answers.size).toBe(remembered.count);
    }
    remembered.add(answers, 500, bytes(100));
    expect([...answers.keys()]).toEqual([500]);
    remembered.add(answers, 501, bytes(101));
    expect(answers.has(501)).toBe(false);
    expect(remembered.bytes).toBe(0);
  });
});
