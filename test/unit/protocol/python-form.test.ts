/** States of the Python wire that have no native form, of a node that says it is native then. */
import { describe, expect, it } from "vitest";
import { rootOf } from "../../../src/crypto/state-root.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { encodeDigestRequest } from "../../../src/wire/native-digest.ts";
import { rootSignedPart, type StateItem } from "../../../src/wire/native-states.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { large, live } from "./large-network.ts";
import { type LoneCore, NOW_SECONDS, Puppet } from "./lone-core.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

const V1 = NOW_SECONDS;
const V2 = NOW_SECONDS + 1;

/** It joins as a Python node with a state that has that key, and comes back as a native one. */
function becomesNative(core: LoneCore, key: string): SessionPuppet {
  const python = new Puppet("mallory", "10.0.0.66");
  python.join(core, python.state(V1, JSON.stringify({ [key]: "x" })));
  expect(core.core.entriesOf("mallory")?.size).toBe(1);
  const mallory = new SessionPuppet("mallory", "10.0.0.66");
  mallory.arrive(core);
  return mallory;
}

/** It changes something else, and signs all of it. */
function change(mallory: SessionPuppet, key: string): StateItem {
  const entries = new Map([
    [key, "x"],
    ["a", "1"],
  ]);
  const signature = mallory.sign("native", rootSignedPart("mallory", V2, rootOf(entries)));
  const changes = [["a", "1"]] as const;
  return { form: "delta", owner: "mallory", version: V2, base: V1, changes, signature };
}

describe.each([
  ["of 1,025 bytes", "k".repeat(1_025)],
  ["with half a surrogate pair", "\ud800"],
])("A key %s from the Python wire", (_, key) => {
  it.each(["mallory", "bob"])("is no part of a native state, when %s brings its change", (from) => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    core.run(DEFAULT_SETTINGS.probePauseMs);
    bob.answerCalls(core);
    const mallory = becomesNative(core, key);
    const sender = from === "bob" ? bob : mallory;
    const wants = { owner: "mallory", held: V1, wants: "snapshot" };
    expect(sender.send(core, change(mallory, key))).toEqual([wants]);
    mallory.send(core, mallory.snapshot(V2 + 1, { a: "1" }, "signed"));
    const asked = encodeDigestRequest({ summary: new Uint8Array(8), entries: [] });
    expect(bob.ask(core, NativeType.DIGEST, asked).kind).toBe("answer");
    expect(core.faults).toEqual([]);
  });

  it("does not end a node of a large network that tells its neighbours", () => {
    const { core, peers } = large();
    // What they are shown is news to them.
    for (const peer of peers) {
      const answer = peer.answerTo.bind(peer);
      peer.answerTo = (call, asker) =>
        call.type === NativeType.INTRODUCE ? Uint8Array.of(1) : answer(call, asker);
    }
    const mallory = becomesNative(core, key);
    live(core, [...peers, mallory], 1_000);
    mallory.send(core, change(mallory, key));
    live(core, [...peers, mallory], 1_000);
    expect(core.faults).toEqual([]);
  });
});
