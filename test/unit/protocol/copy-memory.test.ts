/** What copies of others' states may take: memory, not text. */
import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { NOW_SECONDS, Puppet } from "./lone-core.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

const MIB = 2 ** 20;

describe("A state of very many small entries", () => {
  // 100,000 entries of five characters take some 14 MiB of heap.
  const small = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [i.toString(36), ""]));

  it("counts as the memory that it takes", () => {
    const core = sessionCore({ replicaBytesMax: 8 * MIB });
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    core.run(DEFAULT_SETTINGS.probePauseMs);
    bob.answerCalls(core);
    expect(bob.send(core, bob.snapshot(NOW_SECONDS + 1, small))[0]?.held).toBe(0);
    expect(core.warnings()).toEqual(["DSN_PEER_LIMIT"]);
    // One of as many bytes in few entries is taken.
    const [ack] = bob.send(core, bob.snapshot(NOW_SECONDS + 2, { a: "x".repeat(2 * MIB) }));
    expect(ack?.held).toBe(NOW_SECONDS + 2);
  });

  it("of a Python node does so too", () => {
    const core = sessionCore({ replicaBytesMax: 8 * MIB });
    const python = new Puppet("python", "10.0.0.4").join(core);
    const state = (version: number, entries: object) =>
      core.ask(MessageType.UPDATE, python.state(version, JSON.stringify(entries)), python.address);
    state(NOW_SECONDS + 1, small);
    expect(core.core.entriesOf("python")?.size).toBe(0);
    expect(core.warnings()).toEqual(["DSN_PEER_LIMIT"]);
    state(NOW_SECONDS + 2, { a: "x".repeat(2 * MIB) });
    expect(core.core.entriesOf("python")?.size).toBe(1);
  });
});
