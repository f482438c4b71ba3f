/** A node that we lose, and that others reach. */
import type { Reply } from "../../../src/wire/exchange.ts";
import { decodeRelay } from "../../../src/wire/native-relay.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, type LoneCore } from "./lone-core.ts";
import { unreachable } from "./native.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

/** What one says that does not reach bob. */
export const notKnown: Reply = { kind: "refused", status: 401, text: "Could not find bob" };
/** What one says that bob did not answer. */
export const notReached: Reply = { kind: "refused", status: 504, text: "bob did not answer" };

/** Bob and others, who have met. */
export function setUp(others: number, options = {}) {
  const core = sessionCore(options);
  const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
  const helpers = Array.from({ length: others }, (_, index) =>
    new SessionPuppet(`h${index}`, `10.0.1.${index + 1}`).join(core),
  );
  core.run(10);
  for (const peer of [bob, ...helpers]) peer.answerCalls(core);
  core.events.length = 0;
  return { core, bob, helpers };
}

/** Bob's last session ends, and nothing more reaches him: we ask others. */
export function lose(core: LoneCore, bob: SessionPuppet): void {
  core.step({ kind: "session-lost", peer: bob.proven });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    for (const call of bob.calls(core)) core.reply(call, unreachable);
    core.run(300);
  }
}

export const asked = (core: LoneCore, helpers: readonly SessionPuppet[]) =>
  helpers.flatMap((helper) => helper.calls(core, NativeType.RELAY));

/** A helper brings what bob answers. */
export function bring(core: LoneCore, helper: SessionPuppet, bob: SessionPuppet): void {
  for (const call of asked(core, [helper])) {
    core.reply(call, answered(bob.greetingBack(decodeRelay(call.payload).hello)));
  }
}

export const statusOf = (core: LoneCore, nodeId = "bob") => core.core.member(nodeId)?.status;
