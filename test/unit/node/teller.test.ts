import { describe, expect, it } from "vitest";
import { Teller } from "../../../src/node/teller.ts";
import type { CoreEvent } from "../../../src/protocol/index.ts";

const NOW = { monotonicMs: 0, unixSeconds: 0 };
const message: CoreEvent = { name: "data", from: "b", data: new Uint8Array([1]) };
const news: CoreEvent = {
  name: "state:update",
  owner: "b",
  change: { current: new Map([["k", "v"]]), previous: new Map() },
  version: 1,
  local: false,
} as unknown as CoreEvent;

/**
 * What happened, in order. Answers go out a turn after they are given, as a session sends that has
 * written something else just before.
 */
function scene() {
  const happened: string[] = [];
  const teller = new Teller(
    () => NOW,
    () => undefined,
  );
  teller.events.on("data", () => void happened.push("message"));
  teller.events.on("state:update", () => void happened.push("news"));
  const answer = () => teller.after(() => setImmediate(() => happened.push("answer is out")));
  const over = async () => {
    for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return { happened, teller, answer, over };
}

describe("A message", () => {
  it("that comes together with news is answered before its callback, which may block", async () => {
    const { happened, teller, answer, over } = scene();
    teller.add(news);
    answer();
    teller.add(message);
    teller.tellSoon();
    await over();
    expect(happened).toEqual(["news", "answer is out", "message"]);
  });

  it("alone is answered before its callback too", async () => {
    const { happened, teller, answer, over } = scene();
    // As from a socket: not inside a promise.
    setImmediate(() => {
      answer();
      teller.add(message);
      teller.tellSoon();
    });
    await over();
    expect(happened).toEqual(["answer is out", "message"]);
  });

  it("does not keep back what comes after it, in order", async () => {
    const { happened, teller, answer, over } = scene();
    teller.add(news);
    answer();
    teller.add(message);
    answer();
    teller.add(news);
    answer();
    teller.tellSoon();
    await over();
    const first = ["news", "answer is out", "answer is out", "message"];
    expect(happened).toEqual([...first, "news", "answer is out"]);
  });

  it("does not keep back the answer to the next one, and many are told in one turn", async () => {
    const { happened, teller, answer, over } = scene();
    for (let count = 0; count < 3; count += 1) {
      answer();
      teller.add(message);
      teller.tellSoon();
    }
    await new Promise((resolve) => setImmediate(resolve));
    await over();
    const answers = Array.from({ length: 3 }, () => "answer is out");
    expect(happened).toEqual([...answers, "message", "message", "message"]);
  });
});

describe("The bytes of a message", () => {
  it("are each listener's own, and those of a single one are those that came", async () => {
    const { teller, over } = scene();
    const told: Uint8Array[] = [];
    const bytes = Buffer.of(1);
    const tell = async () => {
      teller.add({ name: "data", from: "b", data: bytes });
      teller.tellSoon();
      await over();
    };
    const listen = () =>
      teller.events.on("data", ({ data }) => {
        told.push(Uint8Array.from(data));
        data.fill(9);
      });
    listen();
    listen();
    await tell();
    expect(told).toEqual([Uint8Array.of(1), Uint8Array.of(1)]);
    expect([...bytes]).toEqual([9]);
  });
});

describe("What a listener throws", () => {
  const nameless: unknown = Object.create(null);
  const unshowable = new Proxy(new Error("x"), {
    get: () => {
      throw new Error("not to be read");
    },
  });
  it.each<[string, unknown, string]>([
    ["an error", new Error("too bad"), "too bad"],
    ["a text", "too bad", "too bad"],
    ["nothing", undefined, "undefined"],
    ["an object without a prototype", nameless, "[Object: null prototype] {}"],
    ["an error that cannot be read", unshowable, "what it threw cannot be shown"],
  ])("%s, becomes a warning and harms no other listener", async (_, thrown, why) => {
    const { happened, teller, over } = scene();
    const warnings: unknown[] = [];
    teller.events.on("warning", ({ error }) => void warnings.push([error.code, error.why]));
    teller.events.on("state:update", () => {
      throw thrown;
    });
    teller.events.on("state:update", () => void happened.push("the next one"));
    teller.add(news);
    teller.tellSoon();
    await over();
    expect(warnings).toEqual([["DSN_CALLBACK_FAILED", why]]);
    expect(happened).toEqual(["news", "the next one"]);
  });
});
