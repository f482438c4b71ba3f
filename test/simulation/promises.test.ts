/** What is watched in every simulated run is seen: each promise is broken on purpose. */
import { describe, expect, it } from "vitest";
import { DsnError } from "../../src/errors.ts";
import type { Member } from "../../src/protocol/member.ts";
import { NativeReplica } from "../../src/protocol/native-replica.ts";
import type { SimNode, Simulation } from "../../src/testing/index.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { encodeStatePacket } from "../../src/wire/state-packet.ts";
import { sessionNetwork } from "./sessions.ts";

/** Two nodes that have met, and each has written. */
function met(): { simulation: Simulation; a: SimNode; b: SimNode; bAtA: Member } {
  const simulation = sessionNetwork(["a", "b"]);
  for (const name of ["a", "b"]) simulation.write(name, "k", `of ${name}`);
  simulation.run(1_000);
  simulation.verify();
  const [a, b] = [simulation.node("a"), simulation.node("b")];
  const bAtA = a.core.member("b");
  if (bAtA === undefined) throw new Error("a does not know b");
  return { simulation, a, b, bAtA };
}

const NO_CHANGE = { previous: new Map(), current: new Map(), added: [], updated: [], removed: [] };
const UPDATE = { name: "state:update", owner: "b", change: NO_CHANGE, local: false } as const;

function nativeOf({ replica }: Member): NativeReplica {
  if (replica?.kind !== "native") throw new Error("it has no native replica");
  return replica;
}

describe("What a simulated run promises", () => {
  it.each<[string, RegExp, (network: ReturnType<typeof met>) => void]>([
    [
      "entries that their owner never had",
      /a holds entries of b that b never had/,
      ({ bAtA }) => {
        const { version, proof } = nativeOf(bAtA);
        const forged = new NativeReplica(version, new Map([["k", "forged"]]));
        forged.proof = proof;
        bAtA.replica = forged;
      },
    ],
    [
      "the same, although its mark was lost, under the proof of its first life",
      /a holds entries of b that b never had/,
      ({ simulation, bAtA }) => {
        simulation.promises.markLost("b");
        const { version, proof } = nativeOf(bAtA);
        const forged = new NativeReplica(version, new Map([["k", "forged"]]));
        forged.proof = proof;
        bAtA.replica = forged;
      },
    ],
    [
      "a proof that its owner never signed",
      /a holds a proof of b that b never signed/,
      ({ bAtA }) => {
        const replica = nativeOf(bAtA);
        if (replica.proof === undefined) throw new Error("nothing is proven");
        replica.proof = { ...replica.proof, version: replica.proof.version + 1 };
      },
    ],
    [
      "a Python state that its owner never signed",
      /a holds a state of b that b never signed/,
      ({ bAtA }) => {
        const packet = new Uint8Array();
        const entries = new Map([["k", "v"]]);
        const text = '{"k": "v"}';
        bAtA.replica = { kind: "python", version: 1, entries, bytes: 2, packet, text };
      },
    ],
    [
      "a join after a join",
      /a tells b joined twice/,
      ({ simulation, a, bAtA }) => {
        simulation.promises.told(a, { name: "peer:join", member: bAtA, rejoined: false });
      },
    ],
    [
      "a leave after a leave",
      /a tells b left twice/,
      ({ simulation, a, bAtA }) => {
        for (let time = 0; time < 2; time += 1)
          simulation.promises.told(a, { name: "peer:leave", member: bAtA, reason: undefined });
      },
    ],
    [
      "being alone with others",
      /a tells alone: true with 1 others/,
      ({ simulation, a }) => {
        const reason = new DsnError("DSN_ISOLATED", "No other node is reached any more");
        simulation.promises.told(a, { name: "isolated", reason });
      },
    ],
    [
      "an older version after a newer one",
      /a goes back from version [\d.]+ of b to 1$/,
      ({ simulation, a }) => {
        simulation.promises.told(a, { ...UPDATE, version: 1 });
      },
    ],
    [
      "a change that was not told",
      /a reads .* of b, told/,
      ({ simulation, a, bAtA }) => {
        bAtA.replica = undefined;
        simulation.promises.told(a, { ...UPDATE, version: 1e12 });
        simulation.promises.stepped(a);
      },
    ],
    [
      "a message twice",
      /a is given b 01 twice/,
      ({ simulation, a }) => {
        for (let time = 0; time < 2; time += 1)
          simulation.promises.told(a, { name: "data", from: "b", data: Uint8Array.of(1) });
      },
    ],
    [
      "the weaker wire between nodes with sessions",
      /a sends DATA to b over the weaker wire/,
      ({ simulation, a, b }) => simulation.promises.spoke(a, b, MessageType.DATA),
    ],
    [
      "two states of one version",
      /b sends version 5 after 5/,
      ({ simulation, b }) => {
        for (const text of ["{}", '{"k": "v"}']) {
          const packet = { nodeId: "b", version: 5, text, signature: new Uint8Array(64) };
          simulation.promises.sent(b, encodeStatePacket(packet));
        }
      },
    ],
  ])("is not kept with %s", (_, what, tamper) => {
    const network = met();
    tamper(network);
    expect(() => network.simulation.verify()).toThrow(what);
  });
});
