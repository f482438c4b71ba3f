/** Members of a large network that were gone and are back, where they were or elsewhere. */
import { describe, expect, it } from "vitest";
import { MessageType } from "../../../src/wire/message-type.ts";
import { encodeIntroduce, type MemberEntry } from "../../../src/wire/native-members.ts";
import { decodeRelay } from "../../../src/wire/native-relay.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { large, live, type Relay, STEP_MS } from "./large-network.ts";
import { type LoneCore, NOW_SECONDS, PORT } from "./lone-core.ts";
import { unreachable } from "./native.ts";
import type { SessionPuppet } from "./session.ts";

const statusOf = (core: LoneCore, nodeId: string) => core.core.member(nodeId)?.status;

function shownAt(peer: SessionPuppet, address: string): MemberEntry {
  return { role: "request", hello: peer.greeting(), endpoint: { address, port: PORT } };
}

/** One that is no neighbour is gone; the others are there. */
function farGone() {
  const { core, peers } = large();
  const far = peers.find(({ nodeId }) => !core.core.keepsSession(nodeId));
  if (far === undefined) throw new Error("all are neighbours");
  const others = peers.filter((peer) => peer !== far);
  live(core, others, 25_000);
  expect(statusOf(core, far.nodeId)).toBe("down");
  const [namer] = others.filter(({ nodeId }) => core.core.keepsSession(nodeId));
  if (namer === undefined) throw new Error("no neighbour");
  return { core, far, others, namer };
}

describe("A node that is back at a place that others reach and we do not", () => {
  it.each(["the same", "another"])("is relayed, at %s place", (place) => {
    const { core, far, others, namer } = farGone();
    far.incarnation = 2;
    far.issued = NOW_SECONDS + core.nowMs / 1_000;
    const address = place === "the same" ? far.address : "10.9.9.9";
    namer.ask(core, NativeType.INTRODUCE, encodeIntroduce([shownAt(far, address)]));
    const relay: Relay = (payload) => {
      const { to, hello } = decodeRelay(payload);
      return to === far.nodeId ? far.greetingBack(hello) : undefined;
    };
    live(core, others, 40_000, () => undefined, relay);
    expect(statusOf(core, far.nodeId)).toBe("relayed");
  });
});

describe("A node that was just called in vain, and that others show elsewhere", () => {
  it("is called there at once for what it has said since, and that is news", () => {
    const { core, far, others, namer } = farGone();
    const isCalledAt = (address: string) =>
      core.sent(MessageType.HELLO).some(({ to }) => to.address === address);
    for (let ms = 0; ms < 10_000 && !isCalledAt(far.address); ms += STEP_MS)
      live(core, others, STEP_MS);
    expect(isCalledAt(far.address)).toBe(true);
    for (const call of far.calls(core)) core.reply(call, unreachable);
    far.issued = NOW_SECONDS + core.nowMs / 1_000;
    const outcome = namer.ask(
      core,
      NativeType.INTRODUCE,
      encodeIntroduce([shownAt(far, "10.9.9.9")]),
    );
    expect(isCalledAt("10.9.9.9")).toBe(true);
    expect(outcome.kind === "answer" && outcome.payload[0]).toBe(1);
  });
});

describe("A node that only others reach, and that has begun anew elsewhere", () => {
  it.each([60_000, 61_000, 62_000, 63_000, 64_000])(
    "is called there at once, after %i ms",
    (ms) => {
      const { core, far, others, namer } = farGone();
      const relay: Relay = (payload) => {
        const { to, hello } = decodeRelay(payload);
        return to === far.nodeId ? far.greetingBack(hello) : undefined;
      };
      // Taken back, and reached by others alone.
      far.issued = NOW_SECONDS + core.nowMs / 1_000;
      namer.ask(core, NativeType.INTRODUCE, encodeIntroduce([shownAt(far, far.address)]));
      live(core, others, ms, () => undefined, relay);
      expect(statusOf(core, far.nodeId)).toBe("relayed");
      const before = core.nowMs;
      far.incarnation = 2;
      far.issued = NOW_SECONDS + core.nowMs / 1_000;
      namer.ask(core, NativeType.INTRODUCE, encodeIntroduce([shownAt(far, "10.9.9.9")]));
      let calledMs: number | undefined;
      const noteCall = () => {
        const isCalled = core.sent(MessageType.HELLO).some(({ to }) => to.address === "10.9.9.9");
        if (isCalled) calledMs ??= core.nowMs - before;
      };
      live(core, others, 20_000, noteCall, relay);
      expect(calledMs).toBeLessThan(500);
    },
  );
});

describe("An insider that shows its own other identity again and again", () => {
  it("does not have us call whom it likes as often as it likes", () => {
    const { core, far, namer } = farGone();
    let calls = 0;
    for (let ms = 0; ms < 3_000; ms += STEP_MS) {
      far.issued = Math.max(far.issued, NOW_SECONDS + core.nowMs / 1_000);
      namer.ask(core, NativeType.INTRODUCE, encodeIntroduce([shownAt(far, "192.0.2.1")]));
      for (const call of [...core.open]) {
        if (call.type !== MessageType.HELLO) continue;
        if (call.to.address === "192.0.2.1") calls += 1;
        core.reply(call, unreachable);
      }
      core.run(STEP_MS);
    }
    expect(calls).toBeLessThanOrEqual(4);
  });

  it("does not take all places of those that are called at once", () => {
    const { core, far, namer } = farGone();
    for (const call of [...core.open]) core.reply(call, unreachable);
    for (let ms = 0; ms < 500; ms += STEP_MS) {
      far.issued = Math.max(far.issued, NOW_SECONDS + core.nowMs / 1_000);
      namer.ask(core, NativeType.INTRODUCE, encodeIntroduce([shownAt(far, "192.0.2.1")]));
      core.run(STEP_MS);
    }
    const open = core.sent(MessageType.HELLO).filter(({ to }) => to.address === "192.0.2.1");
    expect(open.length).toBeLessThanOrEqual(1);
  });
});
