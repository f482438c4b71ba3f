/** A HELLO that is too long to be shown to others must not keep anybody else from being shown. */
import { describe, expect, it } from "vitest";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodeMembersAnswer, encodeMembersRequest } from "../../../src/wire/native-members.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { type LoneCore, Puppet, statusOf } from "./lone-core.ts";
import { nodeIdOf, SessionPuppet, sessionCore } from "./session.ts";

/** More than a HELLO that is shown may have. */
const PADDING = new Uint8Array(9_000);

class Padded extends SessionPuppet {
  override greeting(): Uint8Array {
    return Uint8Array.from([...super.greeting(), ...PADDING]);
  }
}

function shownBy(core: LoneCore, asker: SessionPuppet): string[] {
  const request = encodeMembersRequest({ summary: new Uint8Array(8) });
  const outcome = asker.ask(core, NativeType.MEMBERS, request);
  if (outcome.kind !== "answer") throw new Error(`${outcome.status} ${outcome.text}`);
  const answer = decodeMembersAnswer(outcome.payload);
  if (answer.kind !== "members") throw new Error("no list");
  return answer.members.map(({ hello }) => nodeIdOf(hello)).sort();
}

describe("A HELLO with bytes behind it", () => {
  it("of a node with sessions is refused, and others are shown", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    const mallory = new Padded("mallory", "10.0.0.3");
    const outcome = core.ask(MessageType.HELLO, mallory.greeting(), mallory.address);
    expect(statusOf(outcome)).toMatch(/^40/);
    expect(core.core.member("mallory")).toBeUndefined();
    expect(shownBy(core, bob)).toEqual(["bob"]);
    expect(core.faults).toEqual([]);
  });

  it("of a Python node, which anybody can play, does not hide it or others", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    const alice = new Puppet("alice", "10.0.0.4");
    alice.join(core);
    core.ask(MessageType.HELLO, Uint8Array.from([...alice.hello(), ...PADDING]), alice.address);
    expect(core.core.member("alice")?.status).toBe("alive");
    expect(shownBy(core, bob)).toEqual(["alice", "bob"]);
    expect(core.faults).toEqual([]);
  });
});
