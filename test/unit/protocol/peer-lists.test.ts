/** Lists of peers: what we tell of others, and what we make of what others tell. */
import { describe, expect, it } from "vitest";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodePeers } from "../../../src/wire/peers.ts";
import { toHex } from "../../vectors.ts";
import { answered, LoneCore, PORT, Puppet, statusOf } from "./lone-core.ts";
import { callsTo, Native, replyAll, silence, stranger, unreachable } from "./native.ts";

const ALICE = "10.0.0.2";
const CAROL = "10.0.0.4";
const me = { nodeId: "me", address: "10.0.0.1", port: PORT };
const carol = { nodeId: "carol", address: CAROL, port: PORT };

function listOf(core: LoneCore, asker: Puppet): string[] {
  const outcome = core.ask(MessageType.PEERS, asker.peers(), asker.address);
  if (outcome.kind !== "answer") throw new Error(statusOf(outcome));
  const { nodeId, entries } = decodePeers(outcome.payload).packet;
  expect(nodeId).toBe("me");
  return entries.map((entry) => `${entry.nodeId} ${entry.address}:${entry.port}`);
}

/** Bob, whom the core meets, and who lists these. */
function meetWith(core: LoneCore, entries: Native["lists"]): Native {
  const bob = new Native("bob", ALICE);
  bob.lists = entries;
  return bob.join(core);
}

describe("Our list", () => {
  it("names us first, then whom we reach, at the addresses where we reach them", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", ALICE).join(core);
    new Puppet("carol", CAROL).join(core);
    core.ask(MessageType.HELLO, new Puppet("newcomer", "10.0.0.9").hello(), "10.0.0.9");
    expect(listOf(core, alice)).toEqual([
      "me 10.0.0.1:8000",
      "alice 10.0.0.2:8000",
      "carol 10.0.0.4:8000",
    ]);
  });

  it("does not name a node that only reaches us: others could not call it for us", () => {
    const core = new LoneCore();
    const bob = new Native("bob", ALICE).join(core);
    const carol = new Puppet("carol", CAROL).join(core);
    for (let second = 0; second < 9 && core.core.member("bob")?.status !== "one-way"; second += 1) {
      replyAll(core, ALICE, silence);
      core.ask(MessageType.HELLO, bob.greeting(), ALICE);
      carol.answerCalls(core);
      core.run(1_000);
    }
    expect(core.core.member("bob")?.status).toBe("one-way");
    expect(listOf(core, carol)).toEqual(["me 10.0.0.1:8000", "carol 10.0.0.4:8000"]);
    expect(listOf(core, bob)).toEqual(["me 10.0.0.1:8000", "carol 10.0.0.4:8000"]);
  });

  it("is signed once, until somebody comes or goes, or we have another address", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", ALICE).join(core);
    const list = () => {
      const outcome = core.ask(MessageType.PEERS, alice.peers(), ALICE);
      return outcome.kind === "answer" ? toHex(outcome.payload) : statusOf(outcome);
    };
    const first = list();
    expect(list()).toBe(first);
    new Puppet("carol", CAROL).join(core);
    const second = list();
    expect(second).not.toBe(first);
    core.core.self.observe("10.7.7.7");
    const third = list();
    expect(third).not.toBe(second);
    expect(list()).toBe(third);
    expect(listOf(core, alice)[0]).toBe("me 10.7.7.7:8000");
  });

  it("is refused to who is no member (any more), as the reference does", () => {
    const core = new LoneCore();
    const nobody = new Puppet("nobody", "10.0.0.9");
    expect(core.ask(MessageType.PEERS, nobody.peers())).toMatchObject({
      status: 401,
      text: "Could not find nobody in address book",
      authenticated: false,
    });
    const alice = new Puppet("alice", ALICE).join(core);
    const forged = new Puppet("alice", ALICE, "mallory").peers();
    expect(core.ask(MessageType.PEERS, forged)).toMatchObject({
      status: 406,
      text: "Could not verify ECDSA signature of packet",
      authenticated: false,
    });
    for (let second = 0; second < 20; second += 1) {
      replyAll(core, ALICE, silence);
      core.run(1_000);
    }
    expect(core.ask(MessageType.PEERS, alice.peers())).toMatchObject({
      status: 401,
      text: "Could not find alice in address book",
      authenticated: true,
    });
  });

  it("is told to a node that we have not reached yet: it asks while it joins", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", ALICE);
    core.ask(MessageType.HELLO, alice.hello(), ALICE);
    expect(core.core.member("alice")?.status).toBe("joining");
    expect(listOf(core, alice)).toEqual(["me 10.0.0.1:8000"]);
  });
});

describe("The list of a peer", () => {
  it("makes us say HELLO to whom we do not know, and to nobody else", () => {
    const core = new LoneCore();
    new Puppet("alice", "10.0.0.5").join(core);
    const alice = { nodeId: "alice", address: "10.0.0.6", port: PORT };
    meetWith(core, [me, alice, carol]);
    expect(core.open.map(({ to, type }) => [to, type])).toEqual([
      [{ address: CAROL, port: PORT }, MessageType.HELLO],
    ]);
    // What answers there is no node: the name leads nowhere.
    replyAll(core, CAROL, answered(new Uint8Array()));
    expect(core.core.member("carol")).toBeUndefined();
    expect(core.open).toEqual([]);
  });

  it("under another name than the peer's own is not its list, whoever signed it", () => {
    const core = new LoneCore();
    const bob = new Native("bob", ALICE);
    core.ask(MessageType.HELLO, bob.greeting(), ALICE);
    for (let call = core.open[0]; call !== undefined; call = core.open[0])
      if (call.type !== MessageType.PEERS) bob.answerOne(core, call);
      else core.reply(call, answered(new Puppet("dave", ALICE, "bob").peers([me, carol])));
    expect(core.warnings()).toEqual(["DSN_BAD_SIGNATURE"]);
    expect(core.core.member("bob")?.seesUs).toBeUndefined();
  });

  it("tells whether it lists us", () => {
    for (const [entries, seesUs] of [
      [[carol, me], true],
      [[carol], false],
    ] as const) {
      const core = new LoneCore();
      meetWith(core, entries);
      expect(core.core.member("bob")?.seesUs).toBe(seesUs);
    }
  });

  it("that the whitelist does not let in, is not called", () => {
    const core = new LoneCore("me", {
      whitelist: [{ nodeId: "bob", fingerprint: undefined }],
    });
    meetWith(core, [me, carol]);
    expect(core.open).toEqual([]);
  });

  it("brings us to a node that answers there under its name, and it is listed", () => {
    const core = new LoneCore();
    meetWith(core, [me, carol]);
    new Native("carol", CAROL).answerCalls(core);
    expect(core.core.member("carol")).toMatchObject({
      status: "alive",
      endpoint: { address: CAROL, port: PORT },
    });
  });

  it("that does not read is no list, and no verdict on the peer", () => {
    const core = new LoneCore();
    const bob = new Native("bob", ALICE).join(core);
    for (let tick = 0; tick < 3; tick += 1) {
      core.run(3_000);
      for (const call of core.sent(MessageType.PEERS)) core.reply(call, answered(Uint8Array.of(1)));
      bob.answerCalls(core);
    }
    expect(core.core.member("bob")?.status).toBe("alive");
    expect(core.warnings()).toEqual([]);
    expect(core.faults).toEqual([]);
  });

  it("that is refused as to a stranger makes us say HELLO again", () => {
    const core = new LoneCore();
    const bob = new Native("bob", ALICE).join(core);
    core.run(3_000);
    for (let round = 0; round < 9 && core.sent(MessageType.PEERS).length === 0; round += 1) {
      const call = core.open.find(({ type }) => type !== MessageType.PEERS);
      if (call !== undefined)
        core.reply(
          call,
          answered(call.type === MessageType.UPDATE ? bob.state(1, "{}") : new Uint8Array()),
        );
    }
    for (const call of core.sent(MessageType.PEERS)) core.reply(call, stranger);
    const calls = callsTo(core, ALICE).filter((type) => type !== MessageType.PING);
    expect(calls).toEqual([MessageType.HELLO]);
    expect(core.core.member("bob")?.push.needsHello).toBe(true);
  });

  it("D28: a name that led nowhere is left alone for a while, and then tried again", () => {
    const core = new LoneCore();
    const bob = meetWith(core, [me, carol]);
    replyAll(core, CAROL, unreachable);
    const hellosMs: number[] = [];
    for (let ms = 0; ms < 60_000; ms += 100) {
      for (const call of core.open.filter(({ to }) => to.address === CAROL)) {
        hellosMs.push(core.nowMs);
        core.reply(call, unreachable);
      }
      bob.answerCalls(core);
      core.run(100);
    }
    const pausesMs = hellosMs.slice(1).map((ms, index) => ms - (hellosMs[index] ?? 0));
    // bob names it at each of twenty ticks.
    expect(hellosMs.length).toBeGreaterThan(3);
    expect(hellosMs.length).toBeLessThan(9);
    expect(Math.min(...pausesMs)).toBeGreaterThanOrEqual(3_000);
    expect(core.core.member("carol")).toBeUndefined();
  });
});
