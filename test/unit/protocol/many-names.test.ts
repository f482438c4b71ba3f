/** Somebody with the network key who says HELLO under one name after the other. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { LoneCore, Puppet, statusOf } from "./lone-core.ts";

describe("One name after the other", () => {
  it("has keys pinned up to a limit; who comes later is let in, and its key is not kept", () => {
    const core = new LoneCore();
    const first = new Puppet("first", "10.0.0.2").join(core);
    for (let count = 0; count < LIMITS.pinsMax + 50; count += 1) {
      const peer = new Puppet(`n${count}`, "10.0.0.66");
      core.ask(MessageType.HELLO, peer.hello(), peer.address);
    }
    // One more, by which the store tells that it is full.
    expect(core.pins.size).toBeLessThanOrEqual(LIMITS.pinsMax + 1);
    const late = new Puppet("late", "10.0.0.7").join(core);
    expect(core.core.member(late.nodeId)?.status).toBe("alive");
    expect(core.pins.has(late.nodeId)).toBe(false);
    const thief = new Puppet("first", "10.0.0.8", "another key");
    expect(statusOf(core.ask(MessageType.HELLO, thief.hello(), thief.address))).toMatch(/^401/);
    expect(core.core.member(first.nodeId)?.status).toBe("alive");
  });
});
