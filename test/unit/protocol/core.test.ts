/** The core as a whole: what it keeps, tells and answers. */
import { describe, expect, it } from "vitest";
import { type Effect, NodeCore } from "../../../src/protocol/index.ts";
import { DEFAULT_SETTINGS, requestTimeoutMs } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { LoneCore, NOW_SECONDS, Puppet, statusOf } from "./lone-core.ts";
import { comings, Native, replyAll, silence } from "./native.ts";

const AT = "10.0.0.2";
const now = { monotonicMs: 0, unixSeconds: NOW_SECONDS };

/** A core whose effects a test looks at; it is not started. */
function bare(entropy = (length: number) => new Uint8Array(length)): NodeCore {
  return new NodeCore({
    nodeId: "me",
    publicKey: new Uint8Array(64),
    port: 8_000,
    random: () => 0.5,
    entropy,
  });
}

const kinds = (effects: readonly Effect[]) => effects.map(({ kind }) => kind);

describe("Our own state", () => {
  it("is read at once, and told as a change of ours", () => {
    const core = new LoneCore();
    core.write(["a", "1"], ["b", "2"]);
    core.write(["a", undefined]);
    expect(core.core.entriesOf("me")).toEqual(new Map([["b", "2"]]));
    const changes = core.events.flatMap((event) =>
      event.name === "state:update" ? [[event.owner, event.local, event.change.removed]] : [],
    );
    expect(changes).toEqual([
      ["me", true, []],
      ["me", true, ["a"]],
    ]);
    expect(core.core.stateBytes).toBe('{"b": "2"}'.length);
  });

  it("is told as of the version that a write makes, not of the one before", () => {
    const core = new LoneCore();
    const told: number[] = [];
    for (const value of ["1", "2"]) {
      core.run(5_000);
      core.write(["k", value]);
      const event = core.events.at(-1);
      if (event?.name === "state:update") told.push(event.version - core.core.version);
    }
    expect(told).toEqual([0, 0]);
  });

  it("gets one version for all writes of a turn", () => {
    const core = bare();
    core.step({ kind: "start", bootstrap: [] }, now);
    const write = (value: string) =>
      kinds(core.step({ kind: "write", changes: new Map([["k", value]]) }, now));
    expect(write("1")).toEqual(["event", "flush-soon"]);
    expect(write("2")).toEqual(["event"]);
    expect(write("2")).toEqual([]);
    core.step({ kind: "flush" }, now);
    expect(write("3")).toEqual(["event", "flush-soon"]);
  });

  it("gets one version for all writes of a turn, however long that is", () => {
    const core = bare();
    const seconds = ({ monotonicMs }: typeof now) => NOW_SECONDS + monotonicMs / 1_000;
    const at = (monotonicMs: number) => ({
      monotonicMs,
      unixSeconds: seconds({ ...now, monotonicMs }),
    });
    core.step({ kind: "start", bootstrap: [] }, now);
    const { version } = core;
    // The signature of the first version is due meanwhile, and the first tick.
    for (let ms = 0; ms <= DEFAULT_SETTINGS.tickMs; ms += 1) {
      core.step({ kind: "write", changes: new Map([["k", String(ms)]]) }, at(ms));
      expect(core.version).toBe(version);
    }
    const end = at(DEFAULT_SETTINGS.tickMs);
    expect(kinds(core.step({ kind: "flush" }, end))).toContain("sign");
    expect(core.version).toBe(end.unixSeconds);
  });

  it("has a version from the start, though it is empty: peers must hear of us", () => {
    expect(bare().version).toBe(0);
    expect(new LoneCore().core.version).toBe(NOW_SECONDS);
  });

  it("begins above the mark of an earlier life", () => {
    const core = new LoneCore("me", { mark: NOW_SECONDS + 100 });
    expect(core.core.version).toBeGreaterThan(NOW_SECONDS + 100);
    expect(core.core.version).toBeLessThan(NOW_SECONDS + 101);
  });

  it("is marked on disk two seconds ahead, and not at each write", () => {
    const core = new LoneCore();
    expect(core.marks).toEqual([NOW_SECONDS + 2]);
    core.nowMs = 999;
    core.write(["k", "1"]);
    expect(core.marks.length).toBe(1);
    core.nowMs = 1_000;
    core.write(["k", "2"]);
    expect(core.marks).toEqual([NOW_SECONDS + 2, NOW_SECONDS + 3]);
  });
});

describe("The state of another node", () => {
  it("is nothing while it is not there, and empty before its first", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT);
    expect(core.core.entriesOf("alice")).toBeUndefined();
    core.ask(MessageType.HELLO, alice.hello(), AT);
    expect(core.core.entriesOf("alice")).toBeUndefined();
    alice.answerCalls(core, new Uint8Array());
    core.run(2_000);
    alice.answerCalls(core, new Uint8Array());
    expect(core.core.presentIds()).toEqual(["alice"]);
    expect(core.core.entriesOf("alice")).toEqual(new Map());
  });

  it("is kept but not shown when it goes, and shown again when it comes back", () => {
    const core = new LoneCore();
    const bob = new Native("bob", AT);
    const state = bob.state(NOW_SECONDS, '{"k": "v"}');
    bob.join(core, state);
    for (let second = 0; second < 20 && comings(core, "bob").length < 2; second += 1) {
      replyAll(core, AT, silence);
      core.run(1_000);
    }
    expect(core.core.entriesOf("bob")).toBeUndefined();
    bob.answerCalls(core, new Uint8Array());
    expect(core.core.entriesOf("bob")).toEqual(new Map([["k", "v"]]));
  });
});

describe("A request", () => {
  it("PING is answered with nothing, whoever asks", () => {
    const outcome = new LoneCore().ask(MessageType.PING, Uint8Array.of(0x20), "10.0.0.99");
    expect(outcome).toEqual({ kind: "answer", payload: new Uint8Array() });
  });

  it("that meets a mistake of ours is answered 500, and the node goes on", () => {
    let broken = false;
    const entropy = (length: number) => {
      if (broken) throw new Error("no entropy");
      return new Uint8Array(length);
    };
    const core = new LoneCore("me", { entropy });
    broken = true;
    const alice = new Puppet("alice", AT);
    expect(core.ask(MessageType.HELLO, alice.hello(), AT)).toMatchObject({
      status: 500,
      text: "",
      authenticated: false,
    });
    expect(core.faults).toEqual([new Error("no entropy")]);
    broken = false;
    expect(statusOf(core.ask(MessageType.HELLO, alice.hello(), AT))).toBe("200");
  });
});

describe("A stranger without our network key", () => {
  it("is reported once for each address", () => {
    const core = new LoneCore("me", { keyId: "3f9a" });
    for (const from of ["10.0.0.7", "10.0.0.7", "10.0.0.8"]) core.step({ kind: "stranger", from });
    const told = core.events.flatMap((event) =>
      event.name === "warning" ? [`${event.error.code} ${event.error.endpoint}`] : [],
    );
    expect(told).toEqual(["DSN_KEY_STRANGER 10.0.0.7", "DSN_KEY_STRANGER 10.0.0.8"]);
  });
});

describe("A whitelist", () => {
  it("that names nodes without a fingerprint is pointed out, unless their key is known", () => {
    const alice = new Puppet("alice", AT);
    const whitelist = ["alice", "bob", "me"].map((nodeId) => ({ nodeId, fingerprint: undefined }));
    const exact = { nodeId: "carol", fingerprint: "SHA256:x" };
    const core = new LoneCore("me", {
      whitelist: [...whitelist, exact],
      pins: new Map([["alice", alice.keyPair.publicKey]]),
    });
    const named = core.events.flatMap((event) =>
      event.name === "warning" ? [`${event.error.code} ${event.error.nodeId}`] : [],
    );
    expect(named).toEqual(["DSN_WHITELIST_UNPINNED bob"]);
  });
});

describe("A node that the operator has forgotten", () => {
  it("leaves, its key is no longer remembered, and the warning about it ends", () => {
    const core = new LoneCore();
    const alice = new Puppet("alice", AT).join(core);
    const other = new Puppet("alice", "10.0.0.3", "mallory");
    core.ask(MessageType.HELLO, other.hello(), other.address);
    expect(core.warnings()).toEqual(["DSN_PEER_IDENTITY_CHANGED"]);
    core.step({ kind: "forget", nodeId: "alice" });
    expect(comings(core, "alice")).toEqual(["peer:join", "peer:leave"]);
    expect(core.core.member("alice")).toBeUndefined();
    expect(core.pins.has("alice")).toBe(false);
    const ended = core.events.filter((event) => event.name === "warning" && event.resolved);
    expect(ended.length).toBe(1);
    expect(statusOf(core.ask(MessageType.HELLO, alice.hello(), AT))).toBe("200");
  });

  it("and was never known changes nothing", () => {
    const core = new LoneCore();
    const before = core.events.length;
    core.step({ kind: "forget", nodeId: "nobody" });
    expect(core.events.length).toBe(before);
  });
});

describe("A request of ours", () => {
  it("has two seconds, or a second more than a slow line needs", () => {
    expect(requestTimeoutMs(DEFAULT_SETTINGS, 0)).toBe(2_000);
    expect(requestTimeoutMs(DEFAULT_SETTINGS, 1_048_576)).toBe(2_000);
    expect(requestTimeoutMs(DEFAULT_SETTINGS, 8 * 1_048_576)).toBe(9_000);
  });
});
