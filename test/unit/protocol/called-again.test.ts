/** A node that others show, that was slow once, and that is called again. */
import { describe, expect, it } from "vitest";
import { MessageType } from "../../../src/wire/message-type.ts";
import { encodeIntroduce } from "../../../src/wire/native-members.ts";
import { encodeOffers } from "../../../src/wire/native-offer.ts";
import { decodeStateAcks } from "../../../src/wire/native-states.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { large, live, STEP_MS } from "./large-network.ts";
import { answered, type LoneCore, NOW_SECONDS, PORT } from "./lone-core.ts";
import { comings } from "./native.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

/** A node that was shown, did not answer, and is not listed. */
function withSlow(
  onShown: (core: LoneCore, namer: SessionPuppet, slow: SessionPuppet) => void = () => {},
) {
  const { core, peers } = large();
  const [namer] = peers as [SessionPuppet];
  const slow = new SessionPuppet("slow", "10.0.0.99");
  const endpoint = { address: slow.address, port: PORT };
  const hello = slow.greeting();
  const show = () => {
    const entry = { role: "request", hello, endpoint } as const;
    namer.ask(core, NativeType.INTRODUCE, encodeIntroduce([entry]));
  };
  /** As a link does that has a version of it. */
  const offer = () => {
    const payload = encodeOffers([{ owner: "slow", version: NOW_SECONDS }]);
    const outcome = namer.ask(core, NativeType.OFFER, payload);
    if (outcome.kind !== "answer") throw new Error("refused");
    const [ack] = decodeStateAcks(outcome.payload);
    if (ack?.wants === "member") show();
    return ack?.wants;
  };
  show();
  onShown(core, namer, slow);
  for (let steps = 0; core.core.member("slow") !== undefined && steps < 500; steps += 1)
    live(core, peers, STEP_MS);
  expect(core.core.member("slow")).toBeUndefined();
  return { core, peers, namer, slow, show, offer };
}

describe("A node that was slow when it was shown", () => {
  it("is not read at an older version than before, whoever shows that", () => {
    const state = (slow: SessionPuppet, version: number) =>
      slow.snapshot(version, { a: `${version}` }, "signed");
    const { core, peers, namer, slow, show } = withSlow((core, namer, slow) => {
      namer.send(core, state(slow, NOW_SECONDS + 2));
      expect(core.core.member("slow")?.replica?.version).toBe(NOW_SECONDS + 2);
    });
    live(core, peers, 3_100);
    show();
    live(core, [...peers, slow], 1_000);
    expect(core.core.member("slow")?.status).toBe("alive");
    const read = [1, 2, 3].map((ahead) => {
      namer.send(core, state(slow, NOW_SECONDS + ahead));
      return core.core.member("slow")?.replica?.version;
    });
    expect(read).toEqual([undefined, NOW_SECONDS + 2, NOW_SECONDS + 3]);
  });

  it("is asked for three seconds later, by whatever names it, and called", () => {
    const { core, peers, namer, slow, offer } = withSlow();
    const state = slow.snapshot(NOW_SECONDS, { a: "1" }, "signed");
    const wanted = () => namer.send(core, state).map(({ wants }) => wants);
    live(core, peers, 2_500);
    expect([wanted(), offer()]).toEqual([["nothing"], undefined]);
    live(core, peers, 600);
    expect([wanted(), offer()]).toEqual([["member"], "member"]);
    expect(slow.calls(core, MessageType.HELLO).length).toBe(1);
    expect([wanted(), offer()]).toEqual([["nothing"], undefined]);
  });

  it("and gives no session when it answers the HELLO, is listed all the same", () => {
    const { core, peers, slow, offer } = withSlow();
    live(core, peers, 3_100);
    offer();
    live(core, peers, 4_000, () => slow.answerAll(core, MessageType.HELLO));
    let steps = 0;
    live(core, [...peers, slow], 60_000, () => {
      steps += 1;
      if (steps % 200 === 0) offer();
    });
    expect(core.core.member("slow")?.status).toBe("alive");
  });

  it("and ends after it has answered the HELLO, does not stay half listed for ever", () => {
    const { core, peers, slow, show } = withSlow();
    live(core, peers, 3_100);
    show();
    live(core, peers, 4_000, () => slow.answerAll(core, MessageType.HELLO));
    live(core, peers, 120_000);
    expect(core.core.member("slow")?.status).not.toBe("joining");
  });
});

describe("An answer of a process whose heir has shown itself", () => {
  it("brings nobody back: it is no proof that the heir is there", () => {
    const { core, peers } = large();
    const [bob, ...others] = peers as [SessionPuppet, ...SessionPuppet[]];
    core.step({ kind: "session-lost", peer: bob.proven });
    live(core, others, 12_000);
    expect(core.core.member(bob.nodeId)?.status).toBe("down");
    // It is called in its turn.
    for (let steps = 0; bob.calls(core, MessageType.HELLO).length === 0 && steps < 400; steps += 1)
      live(core, others, STEP_MS);
    const late = bob.call(core, MessageType.HELLO);
    const answer = bob.greetingBack(late.payload);
    const before = comings(core, bob.nodeId);
    core.run(10);
    bob.incarnation = 2;
    core.ask(MessageType.HELLO, bob.greeting(), "10.0.9.9");
    const member = () => core.core.member(bob.nodeId);
    const provenMs = member()?.provenMs;
    core.reply(late, answered(answer));
    expect(member()?.native?.incarnation).toBe("02".repeat(16));
    expect(member()?.provenMs).toBe(provenMs);
    expect(member()?.status).toBe("joining");
    live(core, others, 20_000);
    expect(comings(core, bob.nodeId)).toEqual(before);
  });
});

describe("What a node reads late because it stood still", () => {
  it("is no second live copy", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2");
    for (const [incarnation, stoodMs] of [
      [1, 0],
      [2, 90_000],
      [1, 0],
    ] as const) {
      bob.incarnation = incarnation;
      core.ask(MessageType.HELLO, bob.greeting(), bob.address);
      bob.ask(core, NativeType.ALIVE, new Uint8Array());
      core.nowMs += stoodMs;
      core.step({ kind: "wake" });
    }
    expect(core.warnings()).toEqual([]);
  });
});
