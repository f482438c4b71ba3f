/** Our state on its way to peers with sessions: every version at once, and no queue. */
import { describe, expect, it } from "vitest";
import { rootOf } from "../../../src/crypto/state-root.ts";
import { LIMITS } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodeStates, rootSignedPart } from "../../../src/wire/native-states.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, type LoneCore, NOW_SECONDS, Puppet } from "./lone-core.ts";
import { silence, stranger, unreachable } from "./native.ts";
import { engine, keyPairOf } from "./puppet.ts";
import { acked, brief, entriesOf, SessionPuppet, sessionCore } from "./session.ts";

/** Until the proof of the first version has been told and taken. */
function settled(core: LoneCore, ...puppets: SessionPuppet[]): void {
  core.run(10);
  for (const puppet of puppets) puppet.answerCalls(core);
  core.events.length = 0;
}

function withPeers(...names: string[]): { core: LoneCore; peers: SessionPuppet[] } {
  return peersOf(sessionCore(), names);
}

function peersOf(core: LoneCore, names: readonly string[]) {
  const peers = names.map((name, index) => new SessionPuppet(name, `10.0.0.${index + 2}`));
  for (const peer of peers) {
    peer.join(core);
    settled(core, ...peers);
  }
  return { core, peers };
}

function withBob(): { core: LoneCore; bob: SessionPuppet } {
  const { core, peers } = withPeers("bob");
  return { core, bob: peers[0] as SessionPuppet };
}

const briefs = (core: LoneCore, puppet: SessionPuppet) => puppet.pushed(core).map(brief);

/** Writes in a turn of its own. */
function write(core: LoneCore, key: string, value: string | undefined): number {
  core.nowMs += 1;
  core.write([key, value]);
  return core.core.version;
}

describe("A version of ours", () => {
  it("is on its way in the turn that made it, as what changed, and without a signature", () => {
    const { core, bob } = withBob();
    const base = core.core.version;
    const version = write(core, "a", "1");
    expect(bob.pushed(core)).toEqual([
      { form: "delta", owner: "me", version, base, changes: [["a", "1"]], signature: undefined },
    ]);
    expect(bob.call(core, NativeType.STATES).to.peer?.nodeId).toBe("bob");
  });

  it("follows the one before without waiting for its answer", () => {
    const { core, bob } = withBob();
    write(core, "a", "1");
    write(core, "a", "2");
    write(core, "a", undefined);
    const items = bob.pushed(core);
    expect(items.map((item) => item.form === "delta" && item.changes)).toEqual([
      [["a", "1"]],
      [["a", "2"]],
      [["a", undefined]],
    ]);
    const chained = items.every((item, index) => {
      const before = items[index - 1];
      return (
        before === undefined ||
        (item.form === "delta" && "version" in before && item.base === before.version)
      );
    });
    expect(chained).toBe(true);
  });

  it("is one message for all peers that hold the same, another for those that do not", () => {
    const { core, peers } = withPeers("bob", "carol", "dave");
    const [bob, carol, dave] = peers as [SessionPuppet, SessionPuppet, SessionPuppet];
    // Dave says that he holds nothing: he needs it whole.
    const version = write(core, "a", "1");
    core.reply(
      dave.call(core, NativeType.STATES),
      acked({ owner: "me", held: 0, wants: "snapshot" }),
    );
    for (const peer of peers) peer.answerCalls(core);
    write(core, "b", "2");
    const payloads = peers.map((peer) => peer.call(core, NativeType.STATES).payload);
    expect(payloads[0]).toBe(payloads[1]);
    expect(briefs(core, bob)).toEqual(briefs(core, carol));
    expect(version).toBeLessThan(core.core.version);
  });

  it("goes whole to a peer of which nothing is known", () => {
    const core = sessionCore();
    core.write(["a", "1"]);
    const bob = new SessionPuppet("bob", "10.0.0.2");
    bob.arrive(core).answerAll(core, NativeType.MEMBERS);
    // Its answer to our digest fails, and yet it is there.
    core.reply(bob.call(core, NativeType.DIGEST), answered(Uint8Array.of(9)));
    const entries = entriesOf({ a: "1" });
    expect(bob.pushed(core)).toMatchObject([{ form: "snapshot", owner: "me", entries }]);
  });

  it("goes to no Python peer in this form", () => {
    const { core } = withBob();
    const paul = new Puppet("paul", "10.0.0.9").join(core);
    core.ask(MessageType.PING, new Uint8Array(), paul.address);
    write(core, "a", "1");
    const types = core.open.filter(({ to }) => to.address === paul.address).map(({ type }) => type);
    expect(types).toEqual([MessageType.UPDATE]);
  });
});

describe("A slow peer", () => {
  it("has at most 64 messages on their way, then one with all that it missed", () => {
    const { core, bob } = withBob();
    for (let index = 0; index < LIMITS.statesInFlightMax + 20; index += 1) {
      core.write([`k${index}`, "v"]);
    }
    const calls = bob.calls(core, NativeType.STATES);
    expect(calls).toHaveLength(LIMITS.statesInFlightMax);
    const [first] = calls;
    if (first === undefined) throw new Error("nothing was pushed");
    core.reply(first, answered(bob.answerTo(first, "me")));
    const [last] = bob.pushed(core).slice(-1);
    expect(last?.form === "delta" && last.changes.map(([key]) => key)).toEqual(
      Array.from({ length: 20 }, (_, index) => `k${LIMITS.statesInFlightMax + index}`),
    );
    expect(bob.calls(core, NativeType.STATES)).toHaveLength(LIMITS.statesInFlightMax);
    bob.answerCalls(core);
    expect(core.core.member("bob")?.sync).toMatchObject({
      sent: core.core.version,
      held: core.core.version,
      inFlight: 0,
      inFlightBytes: 0,
    });
  });

  it("has at most 256 KiB and one message on their way", () => {
    const { core, bob } = withBob();
    const large = "x".repeat(LIMITS.stateBytesInFlightMax / 2);
    for (const key of ["a", "b", "c", "d"]) write(core, key, large);
    expect(bob.calls(core, NativeType.STATES)).toHaveLength(2);
    bob.answerCalls(core);
    expect(core.core.member("bob")?.sync.held).toBe(core.core.version);
  });

  it("holds up no other", () => {
    const { core, peers } = withPeers("bob", "carol");
    const [bob, carol] = peers as [SessionPuppet, SessionPuppet];
    for (let index = 0; index < LIMITS.statesInFlightMax; index += 1) {
      write(core, "k", String(index));
      carol.answerAll(core, NativeType.STATES);
    }
    write(core, "k", "last");
    expect(bob.calls(core, NativeType.STATES)).toHaveLength(LIMITS.statesInFlightMax);
    expect(carol.pushed(core)).toMatchObject([{ form: "delta", changes: [["k", "last"]] }]);
  });
});

describe("What a peer answers to a push", () => {
  it("is what it holds: nothing more is to be sent", () => {
    const { core, bob } = withBob();
    const version = write(core, "a", "1");
    bob.answerAll(core, NativeType.STATES);
    expect(core.core.member("bob")?.sync).toMatchObject({ sent: version, held: version });
    expect(bob.calls(core)).toEqual([]);
  });

  it("may ask for the whole; who asks for the whole of a whole is not sent it for ever", () => {
    const { core, bob } = withBob();
    write(core, "a", "1");
    const wants = acked({ owner: "me", held: 0, wants: "snapshot" });
    core.reply(bob.call(core, NativeType.STATES), wants);
    expect(bob.pushed(core)).toMatchObject([{ form: "snapshot", version: core.core.version }]);
    core.reply(bob.call(core, NativeType.STATES), wants);
    expect(bob.calls(core, NativeType.STATES)).toEqual([]);
  });

  it("about others, or that cannot be read, is passed over", () => {
    const { core, bob } = withBob();
    const version = write(core, "a", "1");
    core.reply(
      bob.call(core, NativeType.STATES),
      acked({ owner: "eve", held: 0, wants: "snapshot" }),
    );
    expect(bob.calls(core)).toEqual([]);
    write(core, "a", "2");
    core.reply(bob.call(core, NativeType.STATES), answered(Uint8Array.of(1)));
    expect(bob.calls(core)).toEqual([]);
    expect(core.core.member("bob")?.sync.held).toBeLessThan(version);
    expect(core.faults).toEqual([]);
  });

  it("may be a version that we have not made: it is visited, to show it to us", () => {
    const { core, bob } = withBob();
    write(core, "a", "1");
    const held = core.core.version + 100;
    core.reply(bob.call(core, NativeType.STATES), acked({ owner: "me", held, wants: "nothing" }));
    expect(bob.calls(core).map(({ type }) => type)).toContain(MessageType.HELLO);
    expect(core.core.version).toBeLessThan(held);
  });

  it("as to a stranger makes us say HELLO again, and send it whole", () => {
    const { core, bob } = withBob();
    write(core, "a", "1");
    core.reply(bob.call(core, NativeType.STATES), stranger);
    expect(core.core.member("bob")?.sync).toMatchObject({ sent: undefined, held: undefined });
    expect(bob.calls(core).map(({ type }) => type)).toContain(MessageType.HELLO);
  });

  it.each([
    ["silence", silence],
    ["a refused connection", unreachable],
  ])("%s makes us look whether it is there, and begin again at what it holds", (_, failure) => {
    const { core, bob } = withBob();
    const held = write(core, "a", "1");
    bob.answerAll(core, NativeType.STATES);
    write(core, "a", "2");
    core.reply(bob.call(core, NativeType.STATES), failure);
    expect(core.core.member("bob")?.sync).toMatchObject({ sent: held, held, inFlight: 0 });
    expect(bob.calls(core).map(({ type }) => type)).toEqual([NativeType.ALIVE]);
    bob.answerAll(core, NativeType.ALIVE);
    write(core, "b", "3");
    expect(bob.pushed(core)).toMatchObject([
      {
        form: "delta",
        base: held,
        changes: [
          ["a", "2"],
          ["b", "3"],
        ],
      },
    ]);
  });
});

describe("The signature of a version", () => {
  it("follows 5 ms later to whoever got it, and verifies over id, version and root", () => {
    const { core, peers } = withPeers("bob", "carol");
    const version = write(core, "a", "1");
    core.run(4);
    for (const peer of peers) expect(peer.pushed(core)).toHaveLength(1);
    core.run(1);
    for (const peer of peers) {
      const [, proof] = peer.pushed(core);
      expect(proof).toMatchObject({ form: "proof", owner: "me", version });
      const message = rootSignedPart("me", version, rootOf(entriesOf({ a: "1" })));
      const signature = proof?.form === "proof" ? proof.signature : new Uint8Array();
      expect(engine.verify(keyPairOf("me").publicKey, "native", message, signature)).toBe(true);
    }
    const proofs = peers.map((peer) => peer.calls(core, NativeType.STATES)[1]?.payload);
    expect(proofs[0]).toBe(proofs[1]);
  });

  it("is one for many versions in a row: the newest has it", () => {
    const { core, bob } = withBob();
    for (const value of ["1", "2", "3"]) write(core, "a", value);
    core.run(100);
    expect(bob.pushed(core).filter(({ form }) => form === "proof")).toMatchObject([
      { version: core.core.version },
    ]);
  });

  it("is waited for by the versions that are made meanwhile, so that it finds what it is for", () => {
    const { core, bob } = withBob();
    const version = write(core, "a", "1");
    core.unsigned = [];
    core.run(5);
    expect(core.unsigned).toHaveLength(1);
    write(core, "a", "2");
    write(core, "a", "3");
    expect(bob.pushed(core)).toHaveLength(1);
    core.signHeld();
    expect(briefs(core, bob).map((line) => line.split(" ")[0])).toEqual([
      "delta",
      "proof",
      "delta",
    ]);
    const [, proof, last] = bob.pushed(core);
    expect(proof).toMatchObject({ version });
    expect(last).toMatchObject({ base: version, changes: [["a", "3"]] });
    core.run(10);
    expect(bob.pushed(core).at(-1)).toMatchObject({ form: "proof", version: core.core.version });
  });

  it("comes with the version for whoever gets that later, and not again", () => {
    const { core, bob } = withBob();
    write(core, "a", "1");
    core.run(10);
    bob.answerCalls(core);
    const carol = new SessionPuppet("carol", "10.0.0.3");
    carol.wants = ["me"];
    carol.arrive(core);
    for (const type of [NativeType.MEMBERS, NativeType.DIGEST]) carol.answerAll(core, type);
    expect(carol.pushed(core)).toMatchObject([
      { form: "snapshot", version: core.core.version, signature: expect.any(Uint8Array) },
    ]);
    carol.answerCalls(core);
    core.run(10);
    expect(carol.pushed(core)).toEqual([]);
  });

  it("is made once: a version that has one is not signed again", () => {
    const { core, bob } = withBob();
    write(core, "a", "1");
    core.run(10);
    bob.answerCalls(core);
    core.unsigned = [];
    write(core, "a", "1");
    core.step({ kind: "flush" });
    core.run(100);
    expect(core.unsigned).toEqual([]);
  });

  it("goes to nobody who was not sent the version", () => {
    const { core, bob } = withBob();
    core.write(["a", "1"]);
    core.reply(bob.call(core, NativeType.STATES), silence);
    core.run(10);
    expect(bob.pushed(core).filter(({ form }) => form === "proof")).toEqual([]);
  });
});

describe("In a large network a version", () => {
  const inLarge = () => peersOf(sessionCore({ settings: { meshMax: 2 } }), ["bob", "carol"]);

  it("waits for its signature, and is one message with it", () => {
    const { core, peers } = inLarge();
    const base = core.core.version;
    const version = write(core, "a", "1");
    core.run(4);
    for (const peer of peers) expect(peer.pushed(core)).toEqual([]);
    core.run(1);
    const told = { form: "delta", version, base, signature: expect.any(Uint8Array) };
    for (const peer of peers) expect(peer.pushed(core)).toMatchObject([told]);
    for (const peer of peers) peer.answerCalls(core);
    core.run(100);
    for (const peer of peers) expect(peer.pushed(core)).toEqual([]);
  });

  it("of a node that writes all the time waits for none, and the last is proven", () => {
    const { core, peers } = inLarge();
    core.unsigned = [];
    write(core, "a", "1");
    core.run(5);
    write(core, "a", "2");
    core.signHeld();
    for (const peer of peers) {
      expect(peer.pushed(core)).toMatchObject([{ changes: [["a", "2"]], signature: undefined }]);
    }
    core.run(10);
    const { version } = core.core;
    for (const peer of peers) {
      expect(peer.pushed(core)[1]).toMatchObject({ form: "proof", version });
    }
  });
});

describe("The last session with a peer", () => {
  it("that ends takes with it what was on its way: the next delta begins at what the peer holds", () => {
    const { core, bob } = withBob();
    const held = write(core, "a", "1");
    bob.answerAll(core, NativeType.STATES);
    write(core, "a", "2");
    core.step({ kind: "session-lost", peer: bob.proven });
    expect(core.core.member("bob")?.sync).toMatchObject({ sent: held, held });
    expect(bob.calls(core, NativeType.ALIVE)).toHaveLength(1);
    write(core, "b", "3");
    const [, next] = bob
      .calls(core, NativeType.STATES)
      .map(({ payload }) => decodeStates(payload)[0]);
    expect(next).toMatchObject({
      base: held,
      changes: [
        ["a", "2"],
        ["b", "3"],
      ],
    });
  });

  it("of another process than the one that we know changes nothing", () => {
    const { core, bob } = withBob();
    const version = write(core, "a", "1");
    bob.answerCalls(core);
    bob.incarnation = 9;
    core.step({ kind: "session-lost", peer: bob.proven });
    expect(core.core.member("bob")?.sync.sent).toBe(version);
    expect(bob.calls(core)).toEqual([]);
    core.step({ kind: "session-lost", peer: { ...bob.proven, nodeId: "eve" } });
    expect(core.faults).toEqual([]);
    expect(core.core.version).toBeGreaterThan(NOW_SECONDS);
  });
});
