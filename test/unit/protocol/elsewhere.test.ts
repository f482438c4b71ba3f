/** A node that is gone, and that a peer names at one address after the other. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { encodeIntroduce, type MemberEntry } from "../../../src/wire/native-members.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { type LoneCore, PORT } from "./lone-core.ts";
import { replyAll, unreachable } from "./native.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

const PER_MESSAGE = 30;

/** A core for which bob is gone; mallory is there. */
function withoutBob(): { core: LoneCore; bob: SessionPuppet; mallory: SessionPuppet } {
  const core = sessionCore();
  const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
  const mallory = new SessionPuppet("mallory", "10.0.0.3").join(core);
  core.step({ kind: "session-lost", peer: bob.proven });
  for (let ms = 0; ms < 3_000; ms += 50) {
    replyAll(core, bob.address, unreachable);
    for (const call of mallory.calls(core)) core.reply(call, unreachable);
    mallory.ask(core, NativeType.ALIVE);
    core.run(50);
  }
  expect(core.core.member("bob")?.status).toBe("down");
  return { core, bob, mallory };
}

function named(bob: SessionPuppet, message: number): MemberEntry[] {
  return Array.from({ length: PER_MESSAGE }, (_, index) => ({
    role: "request",
    hello: bob.greeting(),
    endpoint: { address: `10.1.${message}.${index}`, port: PORT },
  }));
}

const calledElsewhere = (core: LoneCore) =>
  core.sent(MessageType.HELLO).filter(({ to }) => to.address.startsWith("10.1."));

describe("A node that is gone and named elsewhere", () => {
  it("is called at a few addresses at once, however many are named", () => {
    const { core, bob, mallory } = withoutBob();
    for (let message = 0; message < 8; message += 1) {
      mallory.ask(core, NativeType.INTRODUCE, encodeIntroduce(named(bob, message)));
    }
    const count = calledElsewhere(core).length;
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(LIMITS.dialsMax);
  });
});
