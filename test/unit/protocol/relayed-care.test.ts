/** How long a node is listed that only others reach. */
import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { encodeIntroduce } from "../../../src/wire/native-members.ts";
import { decodeRelay } from "../../../src/wire/native-relay.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, type LoneCore, PORT } from "./lone-core.ts";
import { comings, silence, unreachable } from "./native.ts";
import { asked, bring, lose, notKnown, notReached, setUp, statusOf } from "./relayed.ts";
import type { SessionPuppet } from "./session.ts";

const { tickMs } = DEFAULT_SETTINGS;
/** Whatever excuses a dead node does so for a minute; then 40 questions are enough. */
const GIVEN_UP_MS = 2 * 60_000;

/** What has had its time is answered with silence. */
function expire(core: LoneCore, since: Map<number, number>): void {
  for (const call of core.open) {
    const sinceMs = since.get(call.exchange) ?? core.nowMs;
    since.set(call.exchange, sinceMs);
    if (core.nowMs - sinceMs >= call.timeoutMs) core.reply(call, silence);
  }
}

describe("The one that reaches a member", () => {
  it("is asked again after one question to it was lost", () => {
    const gone: number[] = [];
    // Chance chooses who else is asked.
    for (let run = 0; run < 12; run += 1) {
      const { core, bob, helpers } = setUp(25);
      lose(core, bob);
      // The only one that reaches bob is one of the three that are asked first.
      const [bridge] = helpers.filter((helper) => asked(core, [helper]).length > 0);
      if (bridge === undefined) throw new Error("nobody is asked");
      bring(core, bridge, bob);
      let lost = 0;
      for (let passed = 0; passed < 60_000; passed += 100) {
        core.run(100);
        for (const helper of helpers) {
          for (const call of asked(core, [helper])) {
            if (helper !== bridge) core.reply(call, notKnown);
            else if (passed > 6_000 + run * tickMs && lost === 0) {
              lost += 1;
              core.reply(call, silence);
            } else bring(core, bridge, bob);
          }
          helper.answerCalls(core);
        }
        for (const call of bob.calls(core)) core.reply(call, unreachable);
      }
      expect(lost).toBe(1);
      if (comings(core, "bob").length > 0) gone.push(run);
    }
    expect(gone).toEqual([]);
  });

  it("is not forgotten because of an older question, whose answer was lost", () => {
    const { core, bob, helpers } = setUp(3);
    const [bridge, ...others] = helpers as [SessionPuppet, ...SessionPuppet[]];
    lose(core, bob);
    bring(core, bridge, bob);
    const step = () => {
      core.run(50);
      for (const helper of others) {
        for (const call of asked(core, [helper])) core.reply(call, notKnown);
        helper.answerCalls(core);
      }
      for (const call of bridge.calls(core))
        if (call.type !== NativeType.RELAY) core.reply(call, answered(bridge.answerTo(call, "me")));
      for (const call of bob.calls(core)) core.reply(call, unreachable);
    };
    // One question in vain, so that it is asked three times a tick.
    while (asked(core, [bridge]).length === 0) step();
    core.reply(bridge.call(core, NativeType.RELAY), silence);
    while (asked(core, [bridge]).length < 2) step();
    const [older, newer] = asked(core, [bridge]);
    if (older === undefined || newer === undefined) throw new Error("not two at a time");
    core.reply(newer, answered(bob.greetingBack(decodeRelay(newer.payload).hello)));
    expect(core.core.member("bob")?.helper).toBe(bridge.nodeId);
    core.reply(older, silence);
    expect(core.core.member("bob")?.helper).toBe(bridge.nodeId);
  });
});

describe("A dead node that a hostile insider names elsewhere again and again", () => {
  it("is given up nevertheless", () => {
    const { core, bob, helpers } = setUp(4);
    const [liar, ...honest] = helpers as [SessionPuppet, ...SessionPuppet[]];
    lose(core, bob);
    for (const helper of honest) bring(core, helper, bob);
    expect(statusOf(core)).toBe("relayed");
    // From now on bob is dead. All say so, but for the liar, who does not answer.
    const hello = bob.greeting();
    const since = new Map<number, number>();
    let place = 0;
    while (statusOf(core) === "relayed" && core.nowMs < GIVEN_UP_MS) {
      core.run(20);
      for (const helper of honest) {
        for (const call of asked(core, [helper])) core.reply(call, notKnown);
        helper.answerCalls(core);
      }
      for (const call of asked(core, [liar])) core.reply(call, notKnown);
      liar.answerCalls(core);
      for (const call of bob.calls(core)) core.reply(call, unreachable);
      // Where bob is said to be, connections are taken and nothing is said.
      expire(core, since);
      place += 1;
      const endpoint = {
        address: `10.${100 + (place >> 16)}.${(place >> 8) & 255}.${place & 255}`,
        port: PORT,
      };
      liar.ask(core, NativeType.INTRODUCE, encodeIntroduce([{ role: "request", hello, endpoint }]));
    }
    expect(statusOf(core)).toBe("down");
  });
});

describe("A program that is late now and then, or all the time", () => {
  it.each([
    [300, 8_000],
    [400, 8_000],
    [400, 2_000],
  ])(
    "by %i ms each %i ms gives up a node that only others reached, and that is gone",
    (lateMs, everyMs) => {
      const { core, bob, helpers } = setUp(1);
      const [helper] = helpers as [SessionPuppet];
      lose(core, bob);
      bring(core, helper, bob);
      expect(statusOf(core)).toBe("relayed");
      const sinceMs = core.nowMs;
      while (statusOf(core) === "relayed" && core.nowMs - sinceMs < GIVEN_UP_MS) {
        if (Math.round(core.nowMs / 100) % (everyMs / 100) === 0) core.late(lateMs);
        core.run(100);
        for (const call of asked(core, [helper])) core.reply(call, notKnown);
        helper.answerCalls(core);
        for (const call of bob.calls(core)) core.reply(call, unreachable);
      }
      expect(statusOf(core)).toBe("down");
    },
  );
});

describe("A program that is late all the time", () => {
  it("gives up nobody that proves itself when it is asked for at last", () => {
    const { core, bob, helpers } = setUp(1);
    const [helper] = helpers as [SessionPuppet];
    lose(core, bob);
    bring(core, helper, bob);
    for (let second = 0; second < 300; second += 1) {
      core.late(400);
      core.run(600);
      bring(core, helper, bob);
      helper.answerCalls(core);
      for (const call of bob.calls(core)) core.reply(call, unreachable);
    }
    expect(statusOf(core)).toBe("relayed");
    expect(comings(core, "bob")).toEqual([]);
  });
});

describe("A machine that has slept, while its monotonic clock stood still", () => {
  it("gives nobody up for what was silent before it, and two questions after it", () => {
    const { core, bob, helpers } = setUp(1);
    const [helper] = helpers as [SessionPuppet];
    lose(core, bob);
    bring(core, helper, bob);
    let vain = 0;
    const live = (until: () => boolean) => {
      while (!until() && statusOf(core) === "relayed") {
        core.run(50);
        for (const call of asked(core, [helper])) {
          vain += 1;
          core.reply(call, notReached);
        }
        helper.answerCalls(core);
        for (const call of bob.calls(core)) core.reply(call, unreachable);
      }
    };
    live(() => vain >= 18);
    expect(statusOf(core)).toBe("relayed");
    core.skewSeconds += 8 * 3_600;
    const wokenMs = core.nowMs;
    live(() => core.nowMs - wokenMs > 2 * tickMs);
    expect(statusOf(core)).toBe("relayed");
  });
});

describe("The only other node, which is hostile", () => {
  it("keeps no dead one listed by being suspect whenever it is asked", () => {
    const { core, bob, helpers } = setUp(1);
    const [liar] = helpers as [SessionPuppet];
    lose(core, bob);
    bring(core, liar, bob);
    expect(statusOf(core)).toBe("relayed");
    const since = new Map<number, number>();
    let suspectMs = 0;
    while (statusOf(core) === "relayed" && core.nowMs < GIVEN_UP_MS) {
      core.run(50);
      suspectMs = statusOf(core, liar.nodeId) === "suspect" ? suspectMs + 50 : 0;
      const isAsked = liar.calls(core, NativeType.RELAY).length > 0;
      for (const call of liar.calls(core)) {
        const isProbe = call.type === NativeType.ALIVE || call.type === MessageType.PING;
        if (call.type === NativeType.RELAY) continue;
        if (isProbe && (suspectMs < 2_500 || isAsked)) continue;
        core.reply(call, answered(liar.answerTo(call, "me")));
      }
      for (const call of bob.calls(core)) core.reply(call, unreachable);
      expire(core, since);
    }
    expect(statusOf(core)).toBe("down");
  });
});
