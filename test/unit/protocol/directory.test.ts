/** Native peers show each other the signed HELLOs of all members. */
import { describe, expect, it } from "vitest";
import type { Reply } from "../../../src/wire/exchange.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import {
  decodeMembersAnswer,
  decodeMembersRequest,
  encodeIntroduce,
  encodeMembersRequest,
  type MemberEntry,
} from "../../../src/wire/native-members.ts";
import { decodeRelay } from "../../../src/wire/native-relay.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, type LoneCore, NOW_SECONDS, PORT, Puppet, type Sent } from "./lone-core.ts";
import { stranger, unreachable } from "./native.ts";
import { membersAnswer, nodeIdOf, SessionPuppet, sessionCore } from "./session.ts";

const excluded: Reply = { kind: "refused", status: 401, text: "me not in mallory's whitelist" };

const V1 = NOW_SECONDS + 1;

/** A core that is just meeting bob, and asks him whom he reaches. */
function meeting(options = {}): { core: LoneCore; bob: SessionPuppet; call: Sent } {
  const core = sessionCore(options);
  const bob = new SessionPuppet("bob", "10.0.0.2");
  bob.arrive(core);
  return { core, bob, call: bob.call(core, NativeType.MEMBERS) };
}

function shown(puppet: SessionPuppet | Puppet, port = PORT): MemberEntry {
  const hello = puppet instanceof SessionPuppet ? puppet.greeting() : puppet.hello();
  return { role: "request", hello, endpoint: { address: puppet.address, port } };
}

const carolOf = () => new SessionPuppet("carol", "10.0.0.3");
const statusOf = (core: LoneCore, nodeId: string) => core.core.member(nodeId)?.status;

describe("A node that a peer shows", () => {
  it("is known at once as relayed, its state can be read, and it is called", () => {
    const { core, bob, call } = meeting();
    const carol = carolOf();
    core.reply(call, membersAnswer({ kind: "members", members: [shown(carol)] }));
    expect(statusOf(core, "carol")).toBe("relayed");
    expect(core.core.member("carol")).toMatchObject({
      provisional: true,
      endpoint: { address: "10.0.0.3", port: PORT },
    });
    bob.answerAll(core, NativeType.DIGEST);
    bob.send(core, carol.snapshot(V1, { c: "1" }, "signed"));
    expect(core.core.entriesOf("carol")).toEqual(new Map([["c", "1"]]));
    expect(carol.calls(core).map(({ type }) => type)).toEqual([MessageType.HELLO]);
    carol.answerCalls(core);
    expect(statusOf(core, "carol")).toBe("alive");
    expect(core.core.member("carol")?.provisional).toBe(false);
    expect([...core.pins.keys()].sort()).toEqual(["bob", "carol"]);
  });

  it("has no key on disk before it has proved it to us, and loses to whoever proves another", () => {
    const { core, call } = meeting();
    core.reply(call, membersAnswer({ kind: "members", members: [shown(carolOf())] }));
    expect([...core.pins.keys()]).toEqual(["bob"]);
    expect(core.natives).toEqual(["bob"]);
    const other = new SessionPuppet("carol", "10.0.0.7", "another key");
    core.ask(MessageType.HELLO, other.greeting(), other.address);
    expect(core.core.member("carol")?.publicKey).toEqual(other.keyPair.publicKey);
    // What asks may be a recording: it is called back.
    expect([...core.pins.keys()]).toEqual(["bob"]);
    core.run(500);
    other.answerCalls(core);
    expect(core.pins.get("carol")).toEqual(other.keyPair.publicKey);
    expect(core.warnings()).toEqual([]);
  });

  it("keeps its name while it proves itself through others, whoever else claims it", () => {
    const { core, bob, call } = meeting();
    const carol = carolOf();
    core.reply(call, membersAnswer({ kind: "members", members: [shown(carol)] }));
    bob.answerAll(core, NativeType.DIGEST);
    core.reply(carol.call(core, MessageType.HELLO), unreachable);
    while (bob.calls(core, NativeType.RELAY).length === 0) core.run(100);
    const relay = bob.call(core, NativeType.RELAY);
    core.reply(relay, answered(carol.greetingBack(decodeRelay(relay.payload).hello)));
    const { publicKey } = carol.keyPair;
    const thief = new SessionPuppet("carol", "10.0.0.7", "another key");
    core.ask(MessageType.HELLO, thief.greeting(), thief.address);
    expect(core.core.member("carol")).toMatchObject({ status: "relayed", publicKey });
    // At its own address, what does not even sign our nonce may be a recording.
    while (carol.calls(core, MessageType.HELLO).length === 0) core.run(100);
    for (const hello of carol.calls(core, MessageType.HELLO))
      core.reply(hello, answered(thief.hello()));
    expect(core.core.member("carol")).toMatchObject({ status: "relayed", publicKey });
    expect(core.pins.has("carol")).toBe(false);
  });

  it("and that has been there keeps its name when it is gone, against what may be a recording", () => {
    const { core, call } = meeting({ settings: { meshMax: 1, rings: 1 } });
    const carol = carolOf();
    core.reply(call, membersAnswer({ kind: "members", members: [shown(carol)] }));
    const member = core.core.member("carol");
    if (member === undefined) throw new Error("carol is not known");
    // It has answered a PING, and never met us.
    member.answeredMs = core.nowMs;
    for (let ms = 0; ms < 30_000 && statusOf(core, "carol") !== "down"; ms += 100) {
      for (const open of [...core.open]) core.reply(open, unreachable);
      core.run(100);
    }
    const thief = new SessionPuppet("carol", carol.address, "another key");
    for (let ms = 0; ms < 10_000; ms += 100) {
      for (const hello of carol.calls(core, MessageType.HELLO))
        core.reply(hello, answered(thief.hello()));
      core.run(100);
    }
    expect(core.core.member("carol")?.publicKey).toEqual(carol.keyPair.publicKey);
    expect(core.pins.has("carol")).toBe(false);
    // Its own answer, and nobody else's, has it back.
    carol.join(core);
    expect(core.pins.get("carol")).toEqual(carol.keyPair.publicKey);
  });

  it("is pinned once it comes on a session of its own", () => {
    const { core, call } = meeting();
    const carol = carolOf();
    core.reply(call, membersAnswer({ kind: "members", members: [shown(carol)] }));
    const { incarnation } = carol.proven;
    expect(core.core.member("carol")?.native?.incarnation).toBe(incarnation);
    expect(carol.ask(core, NativeType.ALIVE).kind).toBe("answer");
    expect(core.pins.get("carol")).toEqual(carol.keyPair.publicKey);
    expect(core.natives).toEqual(["bob", "carol"]);
  });

  it("with another key than the one that is pinned is passed over", () => {
    const pins = new Map([["carol", carolOf().keyPair.publicKey]]);
    const { core, call } = meeting({ pins });
    const liar = new SessionPuppet("carol", "10.0.0.9", "mallory");
    core.reply(call, membersAnswer({ kind: "members", members: [shown(liar)] }));
    expect(core.core.member("carol")).toBeUndefined();
    expect(liar.calls(core)).toEqual([]);
    expect(core.warnings()).toEqual([]);
  });

  it("whose HELLO does not verify, is none, or is of another role is passed over", () => {
    const { core, call } = meeting();
    const carol = carolOf();
    const broken = carol.greeting();
    broken[broken.length - 1] = (broken[broken.length - 1] ?? 0) ^ 1;
    const endpoint = { address: "10.0.0.3", port: PORT };
    core.reply(
      call,
      membersAnswer({
        kind: "members",
        members: [
          { role: "request", hello: broken, endpoint },
          { role: "answer", hello: carol.greeting(), endpoint },
          { role: "request", hello: Uint8Array.of(1, 2, 3), endpoint },
        ],
      }),
    );
    expect(core.core.member("carol")).toBeUndefined();
    expect(carol.calls(core)).toEqual([]);
    expect(core.faults).toEqual([]);
  });

  it("is called and nothing more, when it is a Python node", () => {
    const { core, call } = meeting();
    const paul = new Puppet("paul", "10.0.0.4");
    core.reply(call, membersAnswer({ kind: "members", members: [shown(paul)] }));
    expect(core.core.member("paul")).toBeUndefined();
    new SessionPuppet("bob", "10.0.0.2").answerCalls(core);
    expect(core.open.filter(({ to }) => to.address === "10.0.0.4")).toHaveLength(1);
  });

  it("that is not on the whitelist, ourselves, or without a usable address is not called", () => {
    const { core, bob, call } = meeting({
      whitelist: ["bob", "dave"].map((nodeId) => ({ nodeId, fingerprint: undefined })),
    });
    const members = [
      shown(carolOf()),
      shown(new SessionPuppet("me", "10.0.0.8")),
      shown(new SessionPuppet("dave", "not an address")),
      shown(new SessionPuppet("dave", "10.0.0.6"), 0),
    ];
    core.reply(call, membersAnswer({ kind: "members", members }));
    bob.answerCalls(core);
    expect(core.core.member("carol")).toBeUndefined();
    expect(core.core.member("me")).toBeUndefined();
    expect(statusOf(core, "dave")).toBe("relayed");
    expect(core.open).toEqual([]);
    // It names us, so it reaches us.
    expect(core.core.member("bob")?.seesUs).toBe(true);
  });

  it("that we reach ourselves is neither called nor changed", () => {
    const { core, bob, call } = meeting();
    const carol = carolOf().join(core);
    core.reply(call, membersAnswer({ kind: "members", members: [shown(carol)] }));
    bob.answerCalls(core);
    expect(statusOf(core, "carol")).toBe("alive");
    expect(carol.calls(core).map(({ type }) => type)).not.toContain(MessageType.HELLO);
  });

  it("is pursued when it is not reached where the peer reaches it", () => {
    const { core, bob, call } = meeting();
    const carol = carolOf();
    core.reply(call, membersAnswer({ kind: "members", members: [shown(carol)] }));
    bob.answerAll(core, NativeType.DIGEST);
    core.reply(carol.call(core, MessageType.HELLO), unreachable);
    expect(statusOf(core, "carol")).toBe("relayed");
    bob.answerCalls(core);
    core.run(2_000);
    expect(carol.calls(core).map(({ type }) => type)).toContain(MessageType.HELLO);
  });
});

describe("A peer's list of members", () => {
  it("that is the same as ours says that it reaches us", () => {
    const { core, bob, call } = meeting();
    expect(core.core.member("bob")?.seesUs).toBeUndefined();
    core.reply(call, membersAnswer({ kind: "same" }));
    expect(core.core.member("bob")?.seesUs).toBe(true);
    bob.answerCalls(core);
    expect(statusOf(core, "bob")).toBe("alive");
  });

  it("without us says that it does not", () => {
    const { core, call } = meeting();
    core.reply(call, membersAnswer({ kind: "members", members: [] }));
    expect(core.core.member("bob")?.seesUs).toBe(false);
  });

  it("that cannot be read says nothing", () => {
    const { core, call } = meeting();
    core.reply(call, answered(Uint8Array.of(9)));
    expect(core.core.member("bob")?.seesUs).toBeUndefined();
    expect(core.faults).toEqual([]);
  });

  it("that is refused leaves it unreached, with a reason", () => {
    const { core, call } = meeting();
    core.reply(call, stranger);
    expect(statusOf(core, "bob")).not.toBe("alive");
    expect(core.faults).toEqual([]);
  });
});

describe("A peer's list without members that we reach", () => {
  it("makes us ask three of those on their sessions, for whom datagrams answer", () => {
    const features = ["session", "udp"];
    const core = sessionCore({ features });
    const peers = Array.from({ length: 12 }, (_, index) => {
      const peer = new SessionPuppet(`p${index}`, `10.0.0.${index + 2}`);
      peer.features = features;
      return peer.join(core);
    });
    const open = (type: NativeType) => peers.filter((peer) => peer.calls(core, type).length > 0);
    core.run(10);
    for (let ms = 0; ms < 12_000 || open(NativeType.MEMBERS).length === 0; ms += 100) {
      for (const peer of peers) peer.answerCalls(core);
      core.run(100);
    }
    const [namer] = open(NativeType.MEMBERS);
    if (namer === undefined) throw new Error("nobody is asked");
    for (const peer of peers) peer.answerAll(core, NativeType.ALIVE);
    const members = [shown(namer)];
    core.reply(namer.call(core, NativeType.MEMBERS), membersAnswer({ kind: "members", members }));
    expect(open(NativeType.ALIVE)).toHaveLength(3);
  });
});

describe("A peer that asks whom we reach", () => {
  const ask = (core: LoneCore, peer: SessionPuppet, summary = new Uint8Array(8)) => {
    const outcome = peer.ask(core, NativeType.MEMBERS, encodeMembersRequest({ summary }));
    if (outcome.kind !== "answer") throw new Error(`${outcome.status} ${outcome.text}`);
    return decodeMembersAnswer(outcome.payload);
  };
  const namesOf = (answer: ReturnType<typeof ask>) =>
    answer.kind === "members" ? answer.members.map(({ hello }) => nodeIdOf(hello)) : answer.kind;

  it("is shown the HELLOs of all that are alive as they came, itself among them", () => {
    const { core, bob, call } = meeting();
    const dave = new SessionPuppet("dave", "10.0.0.5");
    core.reply(call, membersAnswer({ kind: "members", members: [shown(dave)] }));
    bob.answerCalls(core);
    const carol = carolOf().join(core);
    new Puppet("paul", "10.0.0.4").join(core);
    expect(statusOf(core, "dave")).toBe("relayed");
    const answer = ask(core, carol);
    expect(namesOf(answer)).toEqual(["carol", "bob", "paul"]);
    expect(answer.kind === "members" && answer.members.at(-1)).toMatchObject({
      role: "answer",
      hello: core.core.member("paul")?.hello?.bytes,
      endpoint: { address: "10.0.0.4", port: PORT },
    });
  });

  it("is told the same when it sees the same, and asks with what it sees", () => {
    const { core, bob, call } = meeting();
    const { summary } = decodeMembersRequest(call.payload);
    expect(summary).toHaveLength(8);
    bob.answerCalls(core);
    const now = ask(core, bob, summary.slice());
    expect(now).toEqual({ kind: "same" });
    carolOf().join(core);
    expect(namesOf(ask(core, bob, summary.slice()))).toEqual(["bob", "carol"]);
  });

  it("is shown itself alone by a node with a whitelist", () => {
    const whitelist = ["bob", "carol"].map((nodeId) => ({ nodeId, fingerprint: undefined }));
    const core = sessionCore({ whitelist });
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    carolOf().join(core);
    expect(namesOf(ask(core, bob))).toEqual(["bob"]);
  });
});

describe("A node that is gone, and that others of a large network show", () => {
  /** Nothing listens at carol's address any more, and bob does not reach it either. */
  function gone() {
    const core = sessionCore({ settings: { meshMax: 2 } });
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    const carol = carolOf();
    carol.issued = NOW_SECONDS - 100;
    carol.join(core);
    bob.answerCalls(core);
    core.step({ kind: "session-lost", peer: carol.proven });
    for (let round = 0; round < 100 && statusOf(core, "carol") !== "down"; round += 1) {
      for (const call of [...core.open]) {
        if (call.to.address === carol.address) core.reply(call, unreachable);
        else if (call.type === NativeType.RELAY) core.reply(call, stranger);
        else core.reply(call, answered(bob.answerTo(call, "me")));
      }
      core.run(100);
    }
    expect(statusOf(core, "carol")).toBe("down");
    const show = (address = carol.address) => {
      const entry = { ...shown(carol), endpoint: { address, port: PORT } };
      bob.ask(core, NativeType.INTRODUCE, encodeIntroduce([entry]));
    };
    return { core, bob, carol, show };
  }

  it("is called, and not taken back, for what it may have said before", () => {
    const { core, carol, show } = gone();
    for (const call of carol.calls(core)) core.reply(call, unreachable);
    show();
    expect(statusOf(core, "carol")).toBe("down");
    expect(carol.calls(core, MessageType.HELLO)).toHaveLength(1);
  });

  it("is taken back for what it has said since", () => {
    const { core, carol, show } = gone();
    carol.issued = NOW_SECONDS + core.nowMs / 1_000;
    show();
    expect(statusOf(core, "carol")).toBe("alive");
  });

  it("is taken back as another process whenever that began", () => {
    const { core, carol, show } = gone();
    carol.incarnation = 2;
    show();
    expect(statusOf(core, "carol")).toBe("alive");
  });

  it("is called, and not taken back, where it was not before: whoever answers there may be another", () => {
    const { core, carol, show } = gone();
    for (const call of core.open) core.reply(call, unreachable);
    carol.issued = NOW_SECONDS + core.nowMs / 1_000;
    show("10.9.9.9");
    expect(statusOf(core, "carol")).toBe("down");
    const call = core.sent(MessageType.HELLO).find(({ to }) => to.address === "10.9.9.9");
    if (call === undefined) throw new Error("it is not called");
    core.reply(call, answered(carol.greetingBack(call.payload)));
    expect(statusOf(core, "carol")).toBe("alive");
    expect(core.core.member("carol")?.endpoint?.address).toBe("10.9.9.9");
  });

  it("is called there next, when its next process was shown elsewhere before it was missed", () => {
    const core = sessionCore({ settings: { meshMax: 2 } });
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    const carol = carolOf().join(core);
    bob.answerCalls(core);
    carol.incarnation = 2;
    const entry = { ...shown(carol), endpoint: { address: "10.9.9.9", port: PORT } };
    bob.ask(core, NativeType.INTRODUCE, encodeIntroduce([entry]));
    const called = new Set<string>();
    for (let ms = 0; ms < 10_000; ms += 100) {
      for (const call of [...core.open]) {
        if (call.type === MessageType.HELLO) called.add(call.to.address);
        if (call.to.address === bob.address && call.type !== NativeType.RELAY)
          core.reply(call, answered(bob.answerTo(call, "me")));
        else core.reply(call, call.type === NativeType.RELAY ? stranger : unreachable);
      }
      core.run(100);
    }
    expect(statusOf(core, "carol")).toBe("down");
    expect([...called]).toContain("10.9.9.9");
  });

  it("is called where it is shown, while another refuses us where it was", () => {
    const { core, bob, carol, show } = gone();
    for (let round = 0; round < 200 && statusOf(core, "carol") !== "refused"; round += 1) {
      for (const call of carol.calls(core)) core.reply(call, excluded);
      bob.answerCalls(core);
      core.run(100);
    }
    expect(statusOf(core, "carol")).toBe("refused");
    show("10.9.9.9");
    core.run(5_000);
    expect(core.sent(MessageType.HELLO).map(({ to }) => to.address)).toContain("10.9.9.9");
  });
});
