/** Nodes with sessions: a question, a suspicion, and a verdict that chance does not bring about. */
import { describe, expect, it } from "vitest";
import { placesOf } from "../../../src/protocol/places.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import type { Reply } from "../../../src/wire/exchange.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodeAlive, encodeAlive } from "../../../src/wire/native-alive.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, type LoneCore } from "./lone-core.ts";
import { comings, silence, unreachable } from "./native.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

const { tickMs, probeMs } = DEFAULT_SETTINGS;
const STEP_MS = 10;
const DATAGRAMS = { features: ["session", "udp"] };

function withBob(options = {}): { core: LoneCore; bob: SessionPuppet } {
  const core = sessionCore(options);
  const bob = new SessionPuppet("bob", "10.0.0.2");
  if (options === DATAGRAMS) bob.features = DATAGRAMS.features;
  bob.join(core);
  return { core, bob };
}

const statusOf = (core: LoneCore) => core.core.member("bob")?.status;

/** How a call that is open for so long ends; undefined for not yet. */
type Answers = (call: {
  type: number;
  ageMs: number;
  timeoutMs: number;
}) => "yes" | "no" | undefined;

/** What falls silent: every call ends with its time-out. */
const nothing: Answers = ({ ageMs, timeoutMs }) => (ageMs >= timeoutMs ? "no" : undefined);

/** Lets time pass, and ends the calls to bob. */
function live(core: LoneCore, bob: SessionPuppet, ms: number, answers: Answers, stop = ""): number {
  const since = new Map<number, number>();
  const fromMs = core.nowMs;
  while (core.nowMs - fromMs < ms && statusOf(core) !== stop) {
    core.run(STEP_MS);
    for (const call of bob.calls(core)) {
      if (!since.has(call.exchange)) since.set(call.exchange, core.nowMs);
      const ageMs = core.nowMs - (since.get(call.exchange) ?? 0);
      const answer = answers({ type: call.type, ageMs, timeoutMs: call.timeoutMs });
      if (answer === undefined) continue;
      const isQuestion = call.type === NativeType.ALIVE || call.type === MessageType.PING;
      if (answer === "no") core.reply(call, silence);
      else core.reply(call, answered(isQuestion ? new Uint8Array() : bob.answerTo(call, "me")));
    }
  }
  return core.nowMs - fromMs;
}

const fine: Answers = () => "yes";

/** Each first question is lost, and the second answered. */
function loseFirsts(core: LoneCore, bob: SessionPuppet): void {
  let count = 0;
  live(core, bob, 40 * tickMs, (call) => {
    if (call.type !== NativeType.ALIVE || call.timeoutMs > 500) return "yes";
    count += 1;
    return nothing(call);
  });
  expect(count).toBeGreaterThan(30);
}

const notFound: Reply = { kind: "refused", status: 404, text: "" };

describe("A node with a session", () => {
  it("that answers stays alive, asked once in a round", () => {
    const { core, bob } = withBob();
    let asked = 0;
    live(core, bob, 10 * tickMs, ({ type }) => {
      if (type === NativeType.ALIVE) asked += 1;
      return "yes";
    });
    expect(asked).toBe((10 * tickMs) / probeMs);
    expect(statusOf(core)).toBe("alive");
  });

  it("that is far away is suspect twice at most, until it is known how far", () => {
    const { core, bob } = withBob();
    const far: Answers = ({ ageMs, timeoutMs }) => {
      if (ageMs >= timeoutMs) return "no";
      return ageMs >= 600 ? "yes" : undefined;
    };
    core.events.length = 0;
    live(core, bob, 60_000, far);
    const statuses = core.events.filter(({ name }) => name === "peer:status");
    expect(statuses.length).toBeLessThanOrEqual(4);
    expect(statusOf(core)).toBe("alive");
  });

  it("one of whose answers was held up is suspect as soon as ever when it falls silent", () => {
    const { core, bob } = withBob(DATAGRAMS);
    live(core, bob, 3 * probeMs, fine);
    let answeredMs: number | undefined;
    let suspectMs: number | undefined;
    live(core, bob, 12_000, (call) => {
      if (answeredMs === undefined) {
        if (call.type === NativeType.ALIVE && call.ageMs >= 1_400) answeredMs = core.nowMs;
        else return nothing(call);
        return "yes";
      }
      if (core.nowMs > answeredMs && statusOf(core) === "suspect") suspectMs ??= core.nowMs;
      return nothing(call);
    });
    expect((suspectMs ?? Number.NaN) - (answeredMs ?? Number.NaN)).toBeLessThan(2_500);
  });

  it("is asked in every round by whoever stands before it on the ring, and by all others in turn", () => {
    const core = sessionCore();
    const peers = Array.from({ length: 7 }, (_, index) =>
      new SessionPuppet(`p${index}`, `10.0.0.${index + 2}`).join(core),
    );
    core.run(10);
    for (const peer of peers) peer.answerCalls(core);
    const asked: string[][] = [];
    for (let round = 0; round < 28; round += 1) {
      core.run(probeMs);
      const calls = peers.filter((peer) => peer.calls(core, NativeType.ALIVE).length > 0);
      asked.push(calls.map(({ nodeId }) => nodeId));
      for (const peer of peers) peer.answerCalls(core);
    }
    const placeOf = (nodeId: string) => placesOf(nodeId).rings[0] ?? 0;
    const away = (nodeId: string) => (placeOf(nodeId) - placeOf("me") + 2 ** 32) % 2 ** 32;
    const names = peers.map(({ nodeId }) => nodeId).sort((a, b) => away(a) - away(b));
    for (const some of asked) expect(some).toContain(names[0]);
    for (const some of asked) expect(some.length).toBeLessThanOrEqual(2);
    for (const name of names.slice(1)) {
      expect(asked.flat().filter((other) => other === name).length, name).toBe(4);
    }
  });

  it("is asked with all others, several in a round, while one of them is suspect", () => {
    const core = sessionCore();
    const [bob, ...peers] = Array.from({ length: 13 }, (_, index) =>
      new SessionPuppet(`p${index}`, `10.0.0.${index + 2}`).join(core),
    );
    if (bob === undefined) throw new Error("there are 13");
    for (const peer of peers) peer.answerCalls(core);
    core.step({ kind: "session-lost", peer: bob.proven });
    for (const call of bob.calls(core)) core.reply(call, silence);
    expect(core.core.member("p0")?.status).toBe("suspect");
    for (const peer of peers) peer.answerAll(core, NativeType.ALIVE);
    core.run(probeMs);
    const asked = peers.filter((peer) => peer.calls(core, NativeType.ALIVE).length > 0);
    expect(asked.length).toBeGreaterThanOrEqual(4);
  });

  it("that others suspect is asked at once, and they are not told again", () => {
    const { core, bob } = withBob();
    const carol = new SessionPuppet("carol", "10.0.0.3").join(core);
    live(core, bob, probeMs, fine);
    carol.answerCalls(core);
    core.run(400);
    bob.answerCalls(core);
    carol.answerCalls(core);
    core.run(350);
    carol.ask(core, NativeType.ALIVE, encodeAlive(["bob", "nobody", "me"]));
    expect(bob.calls(core, NativeType.ALIVE)).toHaveLength(1);
    carol.answerCalls(core);
    live(core, bob, 5_000, nothing, "suspect");
    const told = carol.calls(core, NativeType.ALIVE).map(({ payload }) => decodeAlive(payload));
    expect(told.flat()).toEqual([]);
  });

  it("that others suspect is asked on its session, though something answers datagrams there", () => {
    const { core, bob } = withBob(DATAGRAMS);
    const carol = new SessionPuppet("carol", "10.0.0.3").join(core);
    live(core, bob, probeMs, fine);
    carol.answerCalls(core);
    core.run(400);
    bob.answerCalls(core);
    core.run(350);
    for (const call of bob.calls(core)) core.reply(call, silence);
    carol.ask(core, NativeType.ALIVE, encodeAlive(["bob"]));
    expect(bob.calls(core).map(({ type }) => type)).toEqual([NativeType.ALIVE]);
  });

  it("that takes no session in a large network has to sign, though something answers PINGs there", () => {
    const core = sessionCore({ ...DATAGRAMS, settings: { meshMax: 1 } });
    const [bob, carol] = ["bob", "carol"].map((name, index) => {
      const peer = new SessionPuppet(name, `10.0.0.${index + 2}`);
      core.ask(MessageType.HELLO, peer.greeting(), peer.address);
      core.run(500);
      peer.answerCalls(core);
      return peer;
    });
    if (bob === undefined || carol === undefined) throw new Error("there are two");
    for (let ms = 0; ms < 1_000; ms += STEP_MS) {
      core.run(STEP_MS);
      for (const peer of [bob, carol]) peer.answerCalls(core);
    }
    core.run(400);
    carol.ask(core, NativeType.ALIVE, encodeAlive(["bob"]));
    for (let ms = 0; ms < 1_000; ms += STEP_MS) {
      for (const call of bob.calls(core)) {
        if (call.type === MessageType.PING) core.reply(call, answered(new Uint8Array()));
        else if (call.type !== MessageType.HELLO) core.reply(call, unreachable);
      }
      core.run(STEP_MS);
    }
    expect(bob.calls(core).map(({ type }) => type)).toContain(MessageType.HELLO);
  });

  it("that is suspected is told of to the others", () => {
    const { core, bob } = withBob();
    const carol = new SessionPuppet("carol", "10.0.0.3").join(core);
    core.step({ kind: "session-lost", peer: bob.proven });
    carol.answerCalls(core);
    live(core, bob, 5_000, nothing, "suspect");
    const told = carol.calls(core, NativeType.ALIVE).map(({ payload }) => decodeAlive(payload));
    expect(told.flat()).toEqual(["bob"]);
  });

  it("cannot be made to be asked again and again by what others say", () => {
    const { core, bob } = withBob();
    const carol = new SessionPuppet("carol", "10.0.0.3").join(core);
    let asked = 0;
    for (let ms = 0; ms < 3_000; ms += STEP_MS) {
      core.run(STEP_MS);
      carol.ask(core, NativeType.ALIVE, encodeAlive(["bob"]));
      asked += bob.calls(core, NativeType.ALIVE).length;
      bob.answerCalls(core);
      carol.answerCalls(core);
    }
    expect(asked).toBeLessThanOrEqual(3_000 / 300 + 4);
  });

  it("that loses a datagram is asked on its session, and not suspected", () => {
    const { core, bob } = withBob(DATAGRAMS);
    live(core, bob, tickMs, fine);
    core.events.length = 0;
    live(core, bob, 3 * tickMs, (call) => (call.type === MessageType.PING ? nothing(call) : "yes"));
    expect(core.events.filter(({ name }) => name === "peer:status")).toEqual([]);
    expect(statusOf(core)).toBe("alive");
  });

  it("that falls silent is suspected within two seconds, and down within five", () => {
    for (const options of [{}, DATAGRAMS]) {
      const { core, bob } = withBob(options);
      live(core, bob, 5 * tickMs, fine);
      const fromMs = core.nowMs;
      live(core, bob, 60_000, nothing, "suspect");
      expect(core.nowMs - fromMs).toBeLessThanOrEqual(probeMs + 1_000);
      live(core, bob, 60_000, nothing, "down");
      expect(core.nowMs - fromMs).toBeLessThanOrEqual(5_000);
    }
  });

  it("that blocks for three seconds is not given up", () => {
    for (let phase = 0; phase < tickMs; phase += 230) {
      const { core, bob } = withBob();
      live(core, bob, 2 * tickMs + phase, fine);
      core.events.length = 0;
      const untilMs = core.nowMs + 3_000;
      live(core, bob, 6_000, (call) => (core.nowMs < untilMs ? nothing(call) : "yes"));
      expect(comings(core, "bob"), `blocks ${phase} ms after a tick`).toEqual([]);
      expect(statusOf(core)).toBe("alive");
    }
  });

  it("whose machine refuses is down in a moment: others are asked, and it three times", () => {
    const { core, bob } = withBob();
    const carol = new SessionPuppet("carol", "10.0.0.3").join(core);
    core.step({ kind: "session-lost", peer: bob.proven });
    const fromMs = core.nowMs;
    let asked = 0;
    while (statusOf(core) !== "down" && core.nowMs - fromMs < 5_000) {
      for (const call of bob.calls(core, NativeType.ALIVE)) {
        asked += 1;
        core.reply(call, unreachable);
      }
      for (const call of carol.calls(core, NativeType.RELAY)) core.reply(call, silence);
      core.run(STEP_MS);
    }
    expect(asked).toBe(3);
    expect(core.nowMs - fromMs).toBeLessThanOrEqual(150);
  });

  it("at whose address something answers datagrams that takes no session is down in a moment", () => {
    const { core, bob } = withBob(DATAGRAMS);
    live(core, bob, probeMs, fine);
    core.step({ kind: "session-lost", peer: bob.proven });
    const fromMs = core.nowMs;
    while (statusOf(core) !== "down" && core.nowMs - fromMs < 5_000) {
      for (const call of bob.calls(core)) {
        const isPing = call.type === MessageType.PING;
        core.reply(call, isPing ? answered(new Uint8Array()) : notFound);
      }
      core.run(STEP_MS);
    }
    expect(core.nowMs - fromMs).toBeLessThanOrEqual(200);
  });

  it("whose connection ends under a question is asked again at once", () => {
    const { core, bob } = withBob();
    live(core, bob, probeMs, fine);
    while (bob.calls(core, NativeType.ALIVE).length === 0) core.run(STEP_MS);
    core.reply(bob.call(core, NativeType.ALIVE), silence);
    expect(statusOf(core)).toBe("suspect");
    const fromMs = core.nowMs;
    while (statusOf(core) === "suspect" && core.nowMs - fromMs < 5_000) {
      for (const call of bob.calls(core, NativeType.ALIVE)) core.reply(call, unreachable);
      core.run(STEP_MS);
    }
    expect(statusOf(core)).toBe("down");
    expect(core.nowMs - fromMs).toBeLessThanOrEqual(200);
  });

  it("is waited for while nobody else has said whether it is there", () => {
    const { core, bob } = withBob();
    new SessionPuppet("carol", "10.0.0.3").join(core);
    core.step({ kind: "session-lost", peer: bob.proven });
    for (let ms = 0; ms < 1_000; ms += STEP_MS) {
      for (const call of bob.calls(core, NativeType.ALIVE)) core.reply(call, unreachable);
      core.run(STEP_MS);
    }
    expect(statusOf(core)).toBe("suspect");
  });

  it("is not judged by one that is late itself", () => {
    const { core, bob } = withBob();
    live(core, bob, 2 * tickMs, fine);
    live(core, bob, 60_000, nothing, "suspect");
    // Each step comes half a second after its time: what was answered meanwhile waits unread.
    for (let step = 0; step < 40; step += 1) {
      const due = core.core.wakeAt ?? core.nowMs;
      core.nowMs = Math.max(core.nowMs, due) + 500;
      core.step({ kind: "wake" });
      for (const call of bob.calls(core)) core.reply(call, silence);
    }
    expect(statusOf(core)).toBe("suspect");
    live(core, bob, 60_000, nothing, "down");
    expect(statusOf(core)).toBe("down");
  });

  it("is tried the longer, the more of the first tries are lost", () => {
    const lasts = (lossy: boolean) => {
      const { core, bob } = withBob();
      if (lossy) loseFirsts(core, bob);
      else live(core, bob, 40 * tickMs, fine);
      live(core, bob, 60_000, nothing, "suspect");
      return live(core, bob, 120_000, nothing, "down");
    };
    const good = lasts(false);
    const bad = lasts(true);
    expect(good).toBeLessThan(4_000);
    expect(bad).toBeGreaterThan(2 * good);
  });

  it("that was suspected and answers leaves nothing that waits for a verdict on it", () => {
    const { core, bob } = withBob();
    const { timers } = core.core.pending;
    loseFirsts(core, bob);
    live(core, bob, 2_000, fine);
    expect(statusOf(core)).toBe("alive");
    expect(core.core.pending.timers).toBeLessThanOrEqual(timers + 2);
  });
});
