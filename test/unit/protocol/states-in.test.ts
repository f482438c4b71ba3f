/** States that come in from others: which are taken, and what their senders learn. */
import { describe, expect, it } from "vitest";
import { ENTRY_MEMORY_BYTES } from "../../../src/protocol/copy-memory.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { toHex } from "../../vectors.ts";
import { answered, LoneCore, NOW_SECONDS, Puppet } from "./lone-core.ts";
import { Native, replyAll, silence } from "./native.ts";

const AT = "10.0.0.2";
const DAY = 24 * 3_600;

const replicaOf = (core: LoneCore, nodeId: string) => core.core.member(nodeId)?.replica;

describe("An UPDATE", () => {
  it("D11: that is forged is refused without saying who is known", () => {
    const core = new LoneCore();
    new Puppet("alice", AT).join(core);
    const forged = new Puppet("alice", AT, "mallory").state(NOW_SECONDS + 1, "{}");
    expect(core.ask(MessageType.UPDATE, forged, AT)).toMatchObject({
      status: 401,
      text: "Could not verify ECDSA signature",
      authenticated: false,
    });
  });

  it("of a node that we have lost is refused with the reason, so that it says HELLO", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT).join(core);
    for (let second = 0; second < 20; second += 1) {
      replyAll(core, AT, silence);
      core.run(1_000);
    }
    expect(core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 9, "{}"), AT)).toMatchObject({
      text: "Could not find alice in address book",
      authenticated: true,
    });
  });

  it("that carries no state is answered 500 with nothing else, as by the reference", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT).join(core);
    expect(core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 1, "["), AT)).toMatchObject({
      status: 500,
      text: "",
      authenticated: true,
    });
  });

  it("with the same entries in other words is no change", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT).join(core);
    core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 1, '{"a": "1"}'), AT);
    const before = core.events.length;
    core.ask(MessageType.UPDATE, alice.state(NOW_SECONDS + 2, '{"a":"1"}'), AT);
    expect(replicaOf(core, "alice")?.version).toBe(NOW_SECONDS + 2);
    expect(core.events.length).toBe(before);
  });

  it("for which there is no room leaves a native owner with what we hold of it", () => {
    const held = new Native("bob", AT).state(NOW_SECONDS + 1, '{"a": "123"}');
    const replicaBytesMax = '{"a": "123"}'.length + held.length + ENTRY_MEMORY_BYTES;
    const core = new LoneCore("me", { replicaBytesMax });
    const bob = new Native("bob", AT).join(core);
    core.ask(MessageType.UPDATE, held, AT);
    const outcome = core.ask(MessageType.UPDATE, bob.state(NOW_SECONDS + 2, '{"a": "1234"}'), AT);
    expect(outcome.kind === "answer" && toHex(outcome.payload)).toBe(toHex(held));
  });
});

describe("A version far ahead of our clock", () => {
  it("is believed of a native owner, whose versions only grow, and not of a Python owner", () => {
    const core = new LoneCore();
    const ahead = NOW_SECONDS + 10 * DAY;
    const bob = new Native("bob", AT).join(core);
    core.ask(MessageType.UPDATE, bob.state(ahead, '{"a": "1"}'), AT);
    expect(replicaOf(core, "bob")?.version).toBe(ahead);
    const other = new LoneCore();
    const alice = new Puppet("alice", AT).join(other);
    other.ask(MessageType.UPDATE, alice.state(ahead, '{"a": "1"}'), AT);
    expect(replicaOf(other, "alice")?.version).toBe(NOW_SECONDS);
  });

  it("is believed of a Python owner when others have such versions: then it is our clock", () => {
    const late = () => {
      const core = new LoneCore();
      core.skewSeconds = -10 * DAY;
      return core;
    };
    const core = late();
    for (const [name, address] of [
      ["bob", "10.0.0.3"],
      ["carol", "10.0.0.4"],
    ] as const)
      new Native(name, address).join(core);
    const alice = new Puppet("alice", AT);
    alice.join(core);
    expect(replicaOf(core, "alice")?.version).toBe(NOW_SECONDS);
    // Its own word does not vouch for itself.
    const alone = late();
    alice.join(alone, alice.state(NOW_SECONDS - 9.5 * DAY, "{}"));
    expect(replicaOf(alone, "alice")?.version).toBe(NOW_SECONDS - 9.5 * DAY);
    alone.ask(MessageType.UPDATE, alice.state(NOW_SECONDS - 8.75 * DAY, '{"a": "1"}'), AT);
    expect(replicaOf(alone, "alice")?.version).toBe(NOW_SECONDS - 9.5 * DAY);
  });
});

describe("The answer to our UPDATE", () => {
  it("that is the very packet which we hold is not verified again", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT);
    const state = bob.state(NOW_SECONDS, '{"k": "v"}');
    bob.join(core, state);
    core.write(["k", "v"]);
    core.held = [];
    for (const call of core.sent(MessageType.UPDATE)) core.reply(call, answered(state));
    expect(core.held).toEqual([]);
    expect(core.core.member("bob")?.push.held).toBe(core.core.version);
  });

  it("that does not come while we meet a node leaves us unsure what it holds", () => {
    for (const [reply, isUnsure] of [
      [silence, true],
      [{ kind: "refused", status: 401, text: "" } as const, false],
    ] as const) {
      const core = new LoneCore();
      const bob = new Native("bob", AT);
      core.ask(MessageType.HELLO, bob.greeting(), AT);
      for (const call of core.sent(MessageType.HELLO))
        core.reply(call, answered(bob.greetingBack(call)));
      const { version } = core.core;
      for (const call of core.sent(MessageType.UPDATE)) core.reply(call, reply);
      expect(core.core.member("bob")?.push.unanswered).toBe(isUnsure ? version : undefined);
    }
  });
});
