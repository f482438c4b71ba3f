import { describe, expect, it } from "vitest";
import type { Address, Carrier, InboundRequest, Reply } from "../../../src/transport/carrier.ts";
import { MemoryNetwork, type MemoryNetworkOptions } from "../../../src/transport/memory-network.ts";
import { bytes, data, echo } from "../../contract/carrier.ts";

const OPTIONS = { timeoutMs: 1000, answerBytesMax: 100_000 };

/** Time that passes only when told. */
class VirtualClock {
  nowMs = 0;
  #timers: { at: number; order: number; fn: () => void }[] = [];
  #order = 0;

  readonly setTimer = (ms: number, fn: () => void): (() => void) => {
    const timer = { at: this.nowMs + ms, order: this.#order++, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  get pending(): number {
    return this.#timers.length;
  }

  async run(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    for (;;) {
      this.#timers.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = this.#timers[0];
      if (next === undefined || next.at > end) break;
      this.#timers.shift();
      this.nowMs = next.at;
      next.fn();
      // What waits for a promise goes on before time does.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.nowMs = end;
  }
}

/** A small generator of numbers in [0, 1) that repeats from its seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

async function setup(options: MemoryNetworkOptions = {}, seed = 1) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork({
    setTimer: clock.setTimer,
    random: seeded(seed),
    ...options,
  });
  const seen: InboundRequest[] = [];
  const a = network.createCarrier("10.0.0.1");
  const b = network.createCarrier("10.0.0.2");
  const atB = await b.listen(
    { address: "10.0.0.2", port: 8000 },
    {
      onRequest: (request, respond) => {
        seen.push(request);
        echo(request, respond);
      },
    },
  );
  return { clock, network, a, b, atB, seen };
}

/** Sends, and collects the replies as they come. */
function send(carrier: Carrier, to: Address, count: number): Reply[] {
  const replies: Reply[] = [];
  for (let index = 0; index < count; index++) {
    void carrier.request(to, data(bytes(1, index)), OPTIONS).then((reply) => replies.push(reply));
  }
  return replies;
}

const numbersOf = (requests: readonly InboundRequest[]) =>
  requests.map(({ payload }) => payload[0]);
const kindsOf = (replies: readonly Reply[]) =>
  replies.map((reply) => (reply.kind === "failed" ? reply.reason : reply.kind));

describe("MemoryNetwork", () => {
  it("takes the time that it is told, each way", async () => {
    const { clock, a, atB, seen } = await setup({ delayMs: [50, 50] });
    const replies = send(a, atB, 1);
    await clock.run(49);
    expect(seen).toHaveLength(0);
    await clock.run(2);
    expect(seen).toHaveLength(1);
    expect(replies).toHaveLength(0);
    await clock.run(50);
    expect(kindsOf(replies)).toEqual(["answer"]);
    expect(clock.pending).toBe(0);
  });

  it("reorders when delays differ", async () => {
    const { clock, a, atB, seen } = await setup({ delayMs: [1, 100] });
    send(a, atB, 20);
    await clock.run(500);
    const numbers = numbersOf(seen);
    expect(numbers).not.toEqual([...numbers].sort((x, y) => Number(x) - Number(y)));
    expect(new Set(numbers).size).toBe(20);
  });

  it("loses requests and replies, which end as no-answer when their time is over", async () => {
    const { clock, a, atB, seen } = await setup({ lossRate: 0.3 });
    const replies = send(a, atB, 200);
    await clock.run(999);
    const answered = replies.length;
    expect(new Set(kindsOf(replies))).toEqual(new Set(["answer"]));
    // 0.7 of them arrive, 0.7 of those are answered.
    expect(seen.length).toBeGreaterThan(120);
    expect(seen.length).toBeLessThan(160);
    expect(answered).toBeGreaterThan(75);
    expect(answered).toBeLessThan(seen.length);
    await clock.run(1);
    expect(kindsOf(replies.slice(answered))).toEqual(
      Array.from({ length: 200 - answered }, () => "no-answer"),
    );
  });

  it("brings duplicates to the handler, and one reply", async () => {
    const { clock, a, atB, seen } = await setup({ duplicateRate: 1, delayMs: [1, 50] });
    const replies = send(a, atB, 10);
    await clock.run(500);
    expect(seen).toHaveLength(20);
    expect(kindsOf(replies)).toEqual(Array.from({ length: 10 }, () => "answer"));
    const [first, second] = seen.filter(({ payload }) => payload[0] === seen[0]?.payload[0]);
    first?.payload.fill(0xff);
    expect(second?.payload[0]).not.toBe(0xff);
  });

  it("repeats itself from its seed", async () => {
    const run = async (seed: number) => {
      const faults = { delayMs: [1, 100], lossRate: 0.2, duplicateRate: 0.2 } as const;
      const { clock, a, atB, seen } = await setup(faults, seed);
      const replies = send(a, atB, 50);
      await clock.run(2000);
      return JSON.stringify([numbersOf(seen), kindsOf(replies)]);
    };
    expect(await run(7)).toBe(await run(7));
    expect(await run(7)).not.toBe(await run(8));
  });

  it("cuts a link, what is under way too, and heals it", async () => {
    const { clock, network, a, atB, seen } = await setup({ delayMs: [10, 10] });
    const replies = send(a, atB, 1);
    await clock.run(5);
    network.cut("10.0.0.2", "10.0.0.1");
    await clock.run(1000);
    expect(seen).toHaveLength(0);
    expect(kindsOf(replies)).toEqual(["no-answer"]);
    network.heal("10.0.0.1", "10.0.0.2");
    const healed = send(a, atB, 1);
    await clock.run(100);
    expect(kindsOf(healed)).toEqual(["answer"]);
  });

  it("cuts one way: requests arrive, replies do not", async () => {
    const { clock, network, a, atB, seen } = await setup();
    network.cut("10.0.0.2", "10.0.0.1", { oneWay: true });
    const replies = send(a, atB, 3);
    await clock.run(1000);
    expect(seen).toHaveLength(3);
    expect(kindsOf(replies)).toEqual(["no-answer", "no-answer", "no-answer"]);
    network.heal();
    const healed = send(a, atB, 1);
    await clock.run(1);
    expect(kindsOf(healed)).toEqual(["answer"]);
  });

  it("changes its faults on the way", async () => {
    const { clock, network, a, atB } = await setup();
    network.set({ lossRate: 1 });
    const lost = send(a, atB, 3);
    await clock.run(1000);
    expect(kindsOf(lost)).toEqual(["no-answer", "no-answer", "no-answer"]);
    network.set({ lossRate: 0, delayMs: [5, 5] });
    const slow = send(a, atB, 1);
    await clock.run(9);
    expect(slow).toHaveLength(0);
    await clock.run(1);
    expect(kindsOf(slow)).toEqual(["answer"]);
  });

  it("gives each carrier a host of its own, and listens there for wildcards", async () => {
    const { network, clock } = await setup();
    const [one, two] = [network.createCarrier(), network.createCarrier()];
    const atOne = await one.listen({ address: "0.0.0.0", port: 9000 }, { onRequest: echo });
    const atTwo = await two.listen({ address: "::", port: 9000 }, { onRequest: echo });
    expect(atOne.address).not.toBe(atTwo.address);
    const replies = send(one, atTwo, 1);
    await clock.run(1);
    expect(kindsOf(replies)).toEqual(["answer"]);
  });

  it("keeps networks with different keys apart as HTTP does", async () => {
    const network = new MemoryNetwork();
    const listen = async (host: string, networkKey?: string) => {
      const strangers: string[] = [];
      const carrier = network.createCarrier(host, { networkKey });
      const at = await carrier.listen(
        { address: host, port: 8000 },
        { onRequest: echo, onStranger: (from) => strangers.push(from) },
      );
      return { carrier, at, strangers };
    };
    const red = await listen("10.0.0.1", "red");
    const blue = await listen("10.0.0.2", "blue");
    const plain = await listen("10.0.0.3");
    const refused = (status: number, text: string) => ({ kind: "refused", status, text });
    const keyText = "Missing or incorrect encryption key";
    const ask = (from: Carrier, to: Address) => from.request(to, data(bytes(20)), OPTIONS);
    expect(await ask(red.carrier, blue.at)).toEqual(refused(401, keyText));
    expect(await ask(plain.carrier, blue.at)).toEqual(refused(401, keyText));
    expect(blue.strangers).toEqual(["10.0.0.1", "10.0.0.3"]);
    // Without a key there is nothing to tell apart: the type byte is wrong.
    expect(await ask(red.carrier, plain.at)).toEqual(refused(400, ""));
    expect(plain.strangers).toEqual([]);
    expect(await ask(red.carrier, red.at)).toMatchObject({ kind: "answer" });
  });
});
