/** Signatures take their time: what happens to our state meanwhile. */
import { describe, expect, it } from "vitest";
import { type Effect, type Input, NodeCore } from "../../../src/protocol/index.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { decodeStatePacket } from "../../../src/wire/state-packet.ts";
import { answered, LoneCore, NOW_SECONDS, PORT, Puppet } from "./lone-core.ts";
import { Native } from "./native.ts";

const AT = "10.0.0.2";
const signature = new Uint8Array(64);

/** A core whose signatures a test makes when it likes. */
function slow(bootstrap: Extract<Input, { kind: "start" }>["bootstrap"] = []) {
  const core = new NodeCore({
    nodeId: "me",
    publicKey: new Uint8Array(64),
    port: PORT,
    random: () => 0.5,
    entropy: (length) => new Uint8Array(length),
  });
  const step = (input: Input) => core.step(input, { monotonicMs: 0, unixSeconds: NOW_SECONDS });
  return { step, effects: step({ kind: "start", bootstrap }) };
}

const signs = (effects: readonly Effect[]) => effects.filter((effect) => effect.kind === "sign");
const requests = (effects: readonly Effect[]) =>
  effects.filter((effect) => effect.kind === "request");

/** A core that has just greeted alice, and now needs the signature of its state. */
function met() {
  const { step, effects } = slow([{ address: AT, port: PORT }]);
  const [hello] = signs(effects);
  if (hello === undefined) throw new Error("no HELLO is signed");
  const [block] = signs(step({ kind: "signed", operation: hello.operation, signature }));
  if (block === undefined) throw new Error("no block is signed");
  const [call] = requests(step({ kind: "signed", operation: block.operation, signature }));
  const exchange = call?.targets[0]?.exchange ?? 0;
  const reply = answered(new Puppet("alice", AT).hello());
  let pending = step({ kind: "reply", exchange, reply });
  for (const effect of pending)
    if (effect.kind === "verify")
      pending = step({ kind: "verified", operation: effect.operation, valid: true });
  return { step, pending };
}

describe("Our state", () => {
  it("is not signed while there is nobody to send it to", () => {
    const { step, effects } = slow();
    step({ kind: "write", changes: new Map([["k", "v"]]) });
    expect(signs([...effects, ...step({ kind: "flush" })])).toEqual([]);
  });

  it("is signed when a node is met, which waits for it", () => {
    const { step, pending } = met();
    expect(requests(pending)).toEqual([]);
    const [state] = signs(pending);
    if (state === undefined) throw new Error("the state is not signed");
    const update = requests(step({ kind: "signed", operation: state.operation, signature }));
    expect(update.map(({ type }) => type)).toEqual([MessageType.UPDATE]);
  });

  it("is sent although each signature comes after the next write", () => {
    const { step, pending } = met();
    let waiting = signs(pending);
    let updates = 0;
    for (let round = 0; round < 10; round += 1) {
      // A Python peer that calls us surely lists us.
      const ping = { type: MessageType.PING, payload: Uint8Array.of(0x20), from: AT };
      step({ kind: "request", exchange: round, ...ping });
      step({ kind: "write", changes: new Map([["k", String(round)]]) });
      const effects = [...step({ kind: "flush" })];
      for (const { operation } of waiting)
        effects.push(...step({ kind: "signed", operation, signature }));
      for (const { type, targets } of requests(effects)) {
        if (type === MessageType.UPDATE) updates += 1;
        const exchange = targets[0]?.exchange ?? 0;
        effects.push(...step({ kind: "reply", exchange, reply: answered(new Uint8Array()) }));
      }
      waiting = signs(effects);
    }
    expect(updates).toBeGreaterThan(4);
  });

  it("is signed once for all writes that come while the peers are busy", () => {
    const { step, pending } = met();
    const operation = signs(pending)[0]?.operation ?? 0;
    const [update] = requests(step({ kind: "signed", operation, signature }));
    for (const value of ["1", "2"]) {
      step({ kind: "write", changes: new Map([["k", value]]) });
      expect(signs(step({ kind: "flush" }))).toEqual([]);
    }
    const exchange = update?.targets[0]?.exchange ?? 0;
    const next = signs(step({ kind: "reply", exchange, reply: answered(new Uint8Array()) }));
    const states = next
      .map(({ message }) => new TextDecoder().decode(message))
      .filter((text) => text.includes('"k"'));
    expect(states).toEqual([expect.stringContaining('{"k": "2"}')]);
  });
});

describe("The first state of a node without its mark", () => {
  it("D22: refused by a Python peer is sent again, above the clock of that peer", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT);
    core.write(["k", "v"]);
    core.ask(MessageType.HELLO, alice.hello(), AT);
    core.run(2_000);
    for (const type of [MessageType.PING, MessageType.HELLO, MessageType.UPDATE]) {
      const [call] = core.sent(type);
      if (call === undefined) throw new Error(`no message of type ${type}`);
      if (type !== MessageType.UPDATE)
        core.reply(call, answered(type === MessageType.HELLO ? alice.hello() : new Uint8Array()));
      else
        core.reply(call, {
          kind: "answer",
          payload: new Uint8Array(),
          peerUnixSeconds: NOW_SECONDS + 600,
        });
    }
    expect(core.core.version).toBeGreaterThan(NOW_SECONDS + 600);
    core.ask(MessageType.PING, Uint8Array.of(0x20), AT);
    alice.answerCalls(core);
    expect(core.core.member("alice")?.push.held).toBe(core.core.version);
  });
});

describe("What is signed", () => {
  it("verifies at another node: a state, a list, both HELLOs", () => {
    const core = new LoneCore();
    new Native("bob", AT).join(core);
    core.write(["k", "v"]);
    const other = new LoneCore("bob");
    const me = new LoneCore("me", {}, [{ address: AT, port: PORT }]);
    for (const { type, payload } of [...me.open, ...core.open]) {
      const outcome = other.ask(type, payload, "10.0.0.1");
      expect(outcome.kind, `type ${type}`).toBe("answer");
      if (outcome.kind === "answer" && type === MessageType.UPDATE)
        expect(decodeStatePacket(outcome.payload).packet.nodeId).toBe("bob");
    }
    expect(other.core.member("me")?.replica?.entries).toEqual(new Map([["k", "v"]]));
  });
});
