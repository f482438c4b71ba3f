/** Who is there: probes, and verdicts only after several silent tries. */
import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { answered, LoneCore, NOW_SECONDS, PORT, Puppet } from "./lone-core.ts";
import { callsTo, comings, Native, replyAll, silence, unreachable } from "./native.ts";

const AT = "10.0.0.2";
const { tickMs, probePauseMs } = DEFAULT_SETTINGS;

const statusOf = (core: LoneCore, nodeId = "bob") => core.core.member(nodeId)?.status;

/** The rounds of questions on sessions stand aside. */
const NO_ROUNDS = { probeMs: 1e12 };

function withBob(): { core: LoneCore; bob: Native } {
  const core = new LoneCore("me", { settings: NO_ROUNDS });
  return { core, bob: new Native("bob", AT).join(core) };
}

function pings(core: LoneCore, address = AT) {
  return core.sent(MessageType.PING).filter(({ to }) => to.address === address);
}

describe("Each tick", () => {
  it("asks every node that is there for a sign of life, once", () => {
    const { core, bob } = withBob();
    const carol = new Native("carol", "10.0.0.3").join(core);
    let sent = 0;
    for (let ms = 0; ms < 10 * tickMs; ms += 100) {
      core.run(100);
      sent += pings(core).length;
      bob.answerCalls(core);
      carol.answerCalls(core);
    }
    expect(sent).toBe(10);
  });

  it("does not ask again while a sign of life is waited for", () => {
    const { core } = withBob();
    core.run(3 * tickMs);
    expect(pings(core).length).toBe(1);
  });

  it("first falls within one interval of the start, wherever chance puts it", () => {
    for (const random of [0.001, 0.5, 0.999]) {
      const core = new LoneCore("me", { random: () => random, settings: NO_ROUNDS });
      const wakes: number[] = [];
      for (;;) {
        const { wakeAt = Number.POSITIVE_INFINITY } = core.core;
        if (wakeAt > tickMs) break;
        wakes.push(wakeAt);
        core.run(wakeAt - core.nowMs);
      }
      // 5 ms after the start the first version is signed; at 2 s it is noted whom to remember.
      expect(wakes).toEqual([5, random * tickMs, 2_000].sort((a, b) => a - b));
    }
  });
});

describe("A sign of life", () => {
  it("tells how far away a node is, and its clock", () => {
    const { core } = withBob();
    core.run(tickMs);
    const [ping] = pings(core);
    if (ping === undefined) throw new Error("no PING");
    core.run(25);
    const peerUnixSeconds = NOW_SECONDS - 50;
    core.reply(ping, { kind: "answer", payload: new Uint8Array(), peerUnixSeconds });
    const member = core.core.member("bob");
    expect(member?.rttMs).toBeGreaterThanOrEqual(25);
    expect(member?.clockOffsetSeconds).toBe(-50 - Math.floor(core.nowMs / 1_000));
  });

  it("makes a suspected node alive again, and our state goes to it", () => {
    const { core, bob } = withBob();
    core.run(tickMs);
    replyAll(core, AT, silence);
    expect(statusOf(core)).toBe("suspect");
    core.write(["k", "v"]);
    core.run(probePauseMs);
    for (const ping of pings(core)) core.reply(ping, answered(new Uint8Array()));
    expect(statusOf(core)).toBe("alive");
    bob.answerCalls(core);
    expect(core.core.member("bob")?.push.held).toBe(core.core.version);
    expect(comings(core, "bob")).toEqual(["peer:join"]);
  });

  it("of a Python peer, late, does not mean that it lists us: it is asked before it is told", () => {
    const core = new LoneCore();
    new Puppet("alice", AT).join(core);
    core.run(2_900);
    core.step({ kind: "connection-lost", to: { address: AT, port: PORT } });
    for (const call of core.open) core.reply(call, silence);
    core.write(["k", "v"]);
    for (const call of core.open) core.reply(call, silence);
    core.run(probePauseMs);
    for (const ping of pings(core)) core.reply(ping, answered(new Uint8Array()));
    expect(statusOf(core, "alice")).toBe("alive");
    expect(callsTo(core, AT)).toEqual([MessageType.PEERS]);
  });
});

describe("A node that is silent", () => {
  it("is suspected after one try, and gone after three, half a second apart", () => {
    const { core } = withBob();
    core.run(tickMs);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      expect(pings(core).length, `attempt ${attempt}`).toBe(1);
      replyAll(core, AT, silence);
      expect(pings(core)).toEqual([]);
      if (attempt === 3) break;
      expect(statusOf(core)).toBe("suspect");
      core.run(probePauseMs - 1);
      expect(pings(core)).toEqual([]);
      core.run(1);
    }
    expect(statusOf(core)).toBe("down");
    expect(core.core.member("bob")?.reason?.code).toBe("DSN_UNREACHABLE");
    expect(comings(core, "bob")).toEqual(["peer:join", "peer:leave"]);
    expect(core.core.presentIds()).toEqual([]);
  });

  it("is asked again twice as fast if its machine refuses: nothing was waited for", () => {
    const { core } = withBob();
    core.run(tickMs);
    replyAll(core, AT, unreachable);
    core.run(probePauseMs / 2 - 1);
    expect(pings(core)).toEqual([]);
    core.run(1);
    expect(pings(core).length).toBe(1);
  });

  it("is pursued from then on", () => {
    const { core, bob } = withBob();
    core.run(tickMs);
    for (let second = 0; second < 5 && statusOf(core) !== "down"; second += 1) {
      replyAll(core, AT, silence);
      core.run(probePauseMs);
    }
    expect(callsTo(core, AT)).toContain(MessageType.HELLO);
    bob.answerCalls(core);
    expect(statusOf(core)).toBe("alive");
    expect(comings(core, "bob")).toEqual(["peer:join", "peer:leave", "peer:join"]);
  });

  it("but says HELLO meanwhile, is one-way; and gone when it says nothing for twelve seconds", () => {
    const { core, bob } = withBob();
    core.run(tickMs);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      core.run(10);
      core.ask(MessageType.HELLO, bob.greeting(), AT);
      replyAll(core, AT, silence);
      core.run(probePauseMs);
    }
    expect(statusOf(core)).toBe("one-way");
    expect(comings(core, "bob")).toEqual(["peer:join"]);
    core.write(["k", "v"]);
    expect(core.sent(MessageType.UPDATE)).toEqual([]);
    const heardMs = core.core.member("bob")?.heardMs ?? 0;
    while (statusOf(core) === "one-way" && core.nowMs < 60_000) {
      replyAll(core, AT, silence);
      core.run(100);
    }
    expect(statusOf(core)).toBe("down");
    expect(core.nowMs - heardMs).toBeGreaterThanOrEqual(DEFAULT_SETTINGS.oneWayMs);
    expect(core.nowMs - heardMs).toBeLessThan(DEFAULT_SETTINGS.oneWayMs + 2 * tickMs);
    expect(comings(core, "bob")).toEqual(["peer:join", "peer:leave"]);
  });

  it("is not one-way for what a Python peer says: it may be a recording", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT).join(core);
    core.run(tickMs);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      core.run(10);
      core.ask(MessageType.HELLO, alice.hello(), AT);
      replyAll(core, AT, silence);
      core.run(probePauseMs);
    }
    expect(statusOf(core, "alice")).toBe("down");
  });
});

describe("A connection that is lost", () => {
  it("makes us look after the node at that address at once, and no other", () => {
    const { core } = withBob();
    new Native("carol", "10.0.0.3").join(core);
    core.step({ kind: "connection-lost", to: { address: AT, port: PORT + 1 } });
    expect(core.open).toEqual([]);
    core.step({ kind: "connection-lost", to: { address: AT, port: PORT } });
    expect(core.open.map(({ to, type }) => [to.address, type])).toEqual([[AT, MessageType.PING]]);
  });
});

describe("After we stood still", () => {
  it("what was found out before counts for nothing: verdicts begin anew", () => {
    const { core } = withBob();
    core.run(tickMs);
    replyAll(core, AT, silence);
    core.run(probePauseMs);
    replyAll(core, AT, silence);
    core.run(probePauseMs);
    const [lastTry] = pings(core);
    if (lastTry === undefined) throw new Error("no third try");
    core.nowMs += 60_000;
    core.step({ kind: "wake" });
    core.reply(lastTry, silence);
    expect(statusOf(core)).toBe("suspect");
    expect(comings(core, "bob")).toEqual(["peer:join"]);
  });

  it("for no longer than a tick, nothing is begun anew", () => {
    const { core, bob } = withBob();
    const due = core.core.wakeAt ?? 0;
    core.nowMs = due + tickMs;
    core.step({ kind: "wake" });
    expect(core.core.member("bob")?.push.needsHello).toBe(false);
    bob.answerCalls(core);
    core.nowMs = (core.core.wakeAt ?? 0) + tickMs + 1;
    core.step({ kind: "wake" });
    expect(core.core.member("bob")?.push.needsHello).toBe(true);
  });
});
