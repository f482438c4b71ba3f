/** HELLO in both directions: who is believed to be who. */
import { describe, expect, it } from "vitest";
import { fingerprint } from "../../../src/crypto/identity.ts";
import type { CoreOptions } from "../../../src/protocol/index.ts";
import type { Reply } from "../../../src/wire/exchange.ts";
import { decodeHello, encodeHello } from "../../../src/wire/hello.ts";
import { decodeHelloBlock } from "../../../src/wire/hello-block.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { toHex } from "../../vectors.ts";
import { answered, LoneCore, NOW_SECONDS, PORT, Puppet, type Sent } from "./lone-core.ts";
import { Native, unreachable } from "./native.ts";

const AT = "10.0.0.2";
const SEED = { address: AT, port: PORT };

function helloCall(core: LoneCore): Sent {
  const [call] = core.sent(MessageType.HELLO);
  if (call === undefined) throw new Error("no HELLO is under way");
  return call;
}

/** A core that joins through whoever is at AT. */
function joining(options: Partial<CoreOptions> = {}): LoneCore {
  return new LoneCore("me", options, [SEED]);
}

/** Why the bootstrap node that answers so did not let us in. */
function reasonAgainst(
  reply: Reply | ((call: Sent) => Uint8Array),
  core = joining(),
): string | undefined {
  const call = helloCall(core);
  core.reply(call, typeof reply === "function" ? answered(reply(call)) : reply);
  for (const event of core.events)
    if (event.name === "warning" && event.error.code === "DSN_NO_BOOTSTRAP")
      return event.error.causes[0]?.code;
  return undefined;
}

function spoilt(bytes: Uint8Array, fromEnd: number): Uint8Array {
  const copy = bytes.slice();
  const at = copy.length - fromEnd;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe("Our HELLO", () => {
  it("has a nonce of its own each time, is never issued earlier, and signs the same head", () => {
    const core = joining();
    const first = helloCall(core);
    core.reply(first, unreachable);
    core.skewSeconds = -3_600;
    core.run(2_000);
    const second = helloCall(core);
    const [one, two] = [first, second].map(({ payload }) => {
      const { hello, trailing } = decodeHello(payload);
      return { hello, block: decodeHelloBlock(trailing)?.block };
    });
    expect(toHex(one?.block?.nonce ?? new Uint8Array())).not.toBe(
      toHex(two?.block?.nonce ?? new Uint8Array()),
    );
    expect(two?.block?.issued).toBeGreaterThan(one?.block?.issued ?? Infinity);
    expect(one?.block?.incarnation).toEqual(two?.block?.incarnation);
    expect(one?.block?.answered).toBeUndefined();
    expect(one?.block?.issued).toBe(NOW_SECONDS);
    expect(one?.hello.detectedAddress).toBe("");
    expect(one?.hello).toEqual(two?.hello);
    expect(one?.hello).toMatchObject({ nodeId: "me", port: PORT, address: "10.0.0.1 dsn/1" });
  });

  it("tells the address that a peer saw us call from, unless the operator has set one", () => {
    for (const [networkIp, expected] of [
      [undefined, "10.9.9.9"],
      ["10.5.5.5", "10.5.5.5"],
    ] as const) {
      const core = joining({ networkIp });
      const seen = new Puppet("alice", AT).hello({ detectedAddress: "10.9.9.9" });
      core.reply(helloCall(core), answered(seen));
      expect(core.core.self.advertised).toEqual({ address: expected, port: PORT });
    }
  });

  it("does not repeat as an address what is none", () => {
    for (const detectedAddress of ["", "/admin?x=", "a b"]) {
      const core = joining();
      core.reply(helloCall(core), answered(new Puppet("alice", AT).hello({ detectedAddress })));
      expect(core.core.self.advertised.address).toBe("10.0.0.1");
    }
  });

  it("without any known address has none", () => {
    expect(joining({ candidates: [] }).core.self.advertised.address).toBe("");
  });

  it("names eight of our addresses at most, and what peers may use", () => {
    const candidates = Array.from({ length: 12 }, (_, index) => `10.1.0.${index}`);
    const call = helloCall(joining({ candidates, features: ["udp"] }));
    const block = decodeHelloBlock(decodeHello(call.payload).trailing)?.block;
    expect(block?.features).toEqual(["udp"]);
    expect(block?.addresses.map(({ address }) => address)).toEqual(candidates.slice(0, 8));
    expect(block).toMatchObject({ versionMin: 1, versionMax: 1 });
  });
});

describe("The answer to our HELLO", () => {
  it("lets us in, and tells of the peer's clock, its server and the way to it", () => {
    const core = joining();
    core.nowMs = 40;
    const answer = new Puppet("alice", AT).hello();
    const peerUnixSeconds = NOW_SECONDS + 90;
    core.reply(helloCall(core), {
      kind: "answer",
      payload: answer,
      peerUnixSeconds,
      server: "S/1",
    });
    const member = core.core.member("alice");
    expect(member).toMatchObject({ rttMs: 40, clockOffsetSeconds: 90, server: "S/1" });
    expect(member?.native).toBeUndefined();
    expect(core.pins.has("alice")).toBe(true);
  });

  it("of a native peer is a fresh word of it, of a Python peer not: it may be a recording", () => {
    const native = joining();
    native.nowMs = 40;
    native.reply(
      helloCall(native),
      answered(new Native("bob", AT).greetingBack(helloCall(native))),
    );
    expect(native.core.member("bob")?.heardMs).toBe(40);
    expect(native.core.member("bob")?.native?.addresses).toEqual([]);
    const python = joining();
    python.nowMs = 40;
    python.reply(helloCall(python), answered(new Puppet("alice", AT).hello()));
    expect(python.core.member("alice")?.heardMs).toBe(Number.NEGATIVE_INFINITY);
  });

  const alice = new Puppet("alice", AT);
  const bob = () => new Native("bob", AT);
  it.each<[string, Reply | ((call: Sent) => Uint8Array), string]>([
    ["nothing listens", unreachable, "DSN_UNREACHABLE"],
    ["no HELLO", answered(Uint8Array.of(1, 2, 3)), "DSN_NOT_DSN"],
    ["an impossible id", answered(alice.hello({ nodeId: "../x" })), "DSN_NOT_DSN"],
    ["a wrong signature", answered(spoilt(alice.hello(), 10)), "DSN_BAD_SIGNATURE"],
    [
      "a wrong signature of the block",
      (call) => spoilt(bob().greetingBack(call), 1),
      "DSN_BAD_SIGNATURE",
    ],
    [
      "a block for another request",
      () => bob().nativeHello({ role: "answer", answered: new Uint8Array(16) }),
      "DSN_BAD_SIGNATURE",
    ],
    ["a block for no request", () => bob().nativeHello({ role: "answer" }), "DSN_BAD_SIGNATURE"],
    ["a request instead of an answer", () => bob().greeting(), "DSN_BAD_SIGNATURE"],
    ["another version", answered(alice.hello({ version: "0.8.0" })), "DSN_VERSION_MISMATCH"],
    [
      "our own id and key, in another process",
      answered(new Puppet("me", AT).hello()),
      "DSN_DUPLICATE_IDENTITY",
    ],
    [
      "our own id, another key",
      answered(new Puppet("me", AT, "mallory").hello()),
      "DSN_DUPLICATE_IDENTITY",
    ],
  ])("%s: the reason is named", (_what, reply, code) => {
    const core = joining();
    expect(reasonAgainst(reply, core)).toBe(code);
    expect(core.core.members()).toEqual([]);
    expect(core.faults).toEqual([]);
  });

  it("under our own id is reported as our twin if it has our key: its machine is a clone", () => {
    const twin = joining();
    reasonAgainst(answered(new Puppet("me", AT).hello()), twin);
    expect(twin.warnings()).toContain("DSN_DUPLICATE_IDENTITY");
    const namesake = joining();
    reasonAgainst(answered(new Puppet("me", AT, "mallory").hello()), namesake);
    expect(namesake.warnings()).toEqual(["DSN_NO_BOOTSTRAP"]);
  });

  it("with a public key of another length is no HELLO", () => {
    const { hello } = decodeHello(alice.hello());
    const answer = encodeHello({ ...hello, publicKey: hello.publicKey.subarray(1) });
    expect(reasonAgainst(answered(answer))).toBe("DSN_NOT_DSN");
  });

  it("of a node that is not on our whitelist is not taken", () => {
    const core = joining({ whitelist: [{ nodeId: "carol", fingerprint: undefined }] });
    expect(reasonAgainst(answered(alice.hello()), core)).toBe("DSN_NOT_WHITELISTED");
    expect(core.pins.size).toBe(0);
  });

  it("with another key than the one known is reported, and forgotten by a right one", () => {
    const core = joining({ pins: new Map([["alice", alice.keyPair.publicKey]]) });
    const other = new Puppet("alice", AT, "mallory");
    expect(reasonAgainst(answered(other.hello()), core)).toBe("DSN_PEER_IDENTITY_CHANGED");
    expect(core.warnings()).toContain("DSN_PEER_IDENTITY_CHANGED");
    const why = core.events.map((event) => (event.name === "warning" ? event.error.why : ""));
    expect(why.join()).toContain(fingerprint(alice.keyPair.publicKey));
    core.run(3_000);
    alice.answerCalls(core);
    const ended = core.events.flatMap((event) =>
      event.name === "warning" && event.resolved ? [event.error.code] : [],
    );
    expect(ended).toContain("DSN_PEER_IDENTITY_CHANGED");
  });

  it("of ourselves ends the attempts, without a warning", () => {
    const core = joining();
    for (let second = 0; second < 60; second += 1) {
      for (const call of core.sent(MessageType.HELLO)) {
        const outcome = core.ask(MessageType.HELLO, call.payload, AT);
        if (outcome.kind !== "refusal") throw new Error("we let ourselves in");
        core.reply(call, { kind: "refused", status: outcome.status, text: outcome.text });
      }
      core.run(1_000);
    }
    core.run(600_000);
    expect(core.sent(MessageType.HELLO)).toEqual([]);
    expect(core.warnings()).toEqual([]);
  });

  it("that says we call ourselves, though our HELLO never came to us, is from a twin", () => {
    const core = joining();
    const text = "Origin and destination are the same";
    expect(reasonAgainst({ kind: "refused", status: 406, text }, core)).toBe(
      "DSN_DUPLICATE_IDENTITY",
    );
    expect(core.warnings()).toContain("DSN_DUPLICATE_IDENTITY");
  });
});
