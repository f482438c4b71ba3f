import { describe, expect, it } from "vitest";
import { rootOf } from "../../src/crypto/state-root.ts";
import { forgeHello } from "../../src/testing/forged-hello.ts";
import { createToySignatures, SIM_PORT, type Simulation } from "../../src/testing/index.ts";
import { decodeDigestRequest, encodeDigestAnswer } from "../../src/wire/native-digest.ts";
import { encodeMembersAnswer, type MemberEntry } from "../../src/wire/native-members.ts";
import { rootSignedPart } from "../../src/wire/native-states.ts";
import { NativeType } from "../../src/wire/native-type.ts";
import { sessionNetwork, show } from "./sessions.ts";
import { comings, happyEnd, seenBy, warned } from "./stories.ts";

const MINUTE_MS = 60_000;
const RUBBISH = new Uint8Array(64).fill(7);

/** Warnings of a node that name another. */
function accusations(simulation: Simulation, node: string, nodeId: string): string[] {
  return simulation
    .node(node)
    .events.flatMap((event) =>
      event.name === "warning" && !event.resolved && event.error.nodeId === nodeId
        ? [event.error.code]
        : [],
    );
}

/** The liar answers every request of one kind with this. */
function answers(simulation: Simulation, type: NativeType, payload: () => Uint8Array): void {
  simulation.node("liar").corrupt = (request, outcome) =>
    request.type === type ? { kind: "answer", payload: payload() } : outcome;
}

function lists(simulation: Simulation, entries: () => MemberEntry[]): void {
  answers(simulation, NativeType.MEMBERS, () =>
    encodeMembersAnswer({ kind: "members", members: entries() }),
  );
}

describe("A false proof of somebody else's state", () => {
  it("costs its owner neither the session, nor the state, nor its name", () => {
    const simulation = sessionNetwork(["a", "b", "liar"], { delayMs: [1, 1] });
    simulation.write("a", "k", "before");
    simulation.run(1_000);
    const { sessions } = simulation;
    let closed = 0;
    const end = sessions.end.bind(sessions);
    sessions.end = (node, nodeId) => {
      closed += 1;
      end(node, nodeId);
    };
    for (let round = 0; round < 50; round += 1) {
      simulation.write("a", "k", `v${round}`);
      // The proof follows some milliseconds after the version; the false one comes between them.
      while (seenBy(simulation, "b", "a", "k") !== `v${round}`) simulation.run(0.2);
      const { version } = simulation.node("a").core;
      show(simulation, "liar", "b", { form: "proof", owner: "a", version, signature: RUBBISH });
      for (let step = 0; step < 60; step += 1) {
        simulation.run(0.5);
        const replica = simulation.node("b").core.member("a")?.replica;
        expect(replica?.kind === "native" && replica.isAstray).toBe(false);
      }
      expect(seenBy(simulation, "b", "a", "k")).toBe(`v${round}`);
    }
    expect(closed).toBe(0);
    expect(accusations(simulation, "b", "a")).toEqual([]);
    happyEnd(simulation);
    const replica = simulation.node("b").core.member("a")?.replica;
    expect(replica?.kind === "native" && replica.proof?.version).toBe(
      simulation.node("a").core.version,
    );
  });
});

describe("A forged state of somebody else", () => {
  it("is held against the one who shows it, not against its owner", () => {
    const simulation = sessionNetwork(["a", "b", "liar"]);
    simulation.write("a", "k", "v");
    simulation.run(1_000);
    const version = simulation.node("a").core.version + 5;
    const entries = new Map([["k", "forged"]]);
    show(simulation, "liar", "b", {
      form: "snapshot",
      owner: "a",
      version,
      entries,
      signature: RUBBISH,
    });
    simulation.run(1_000);
    expect(seenBy(simulation, "b", "a", "k")).toBe("v");
    expect(accusations(simulation, "b", "a")).toEqual([]);
    expect(accusations(simulation, "b", "liar")).toEqual(["DSN_BAD_SIGNATURE"]);
    happyEnd(simulation);
  });

  it("that is provisional at its owner loses to the proven one, without a word about forks", () => {
    const simulation = sessionNetwork(["a", "b", "liar"]);
    simulation.write("liar", "k", "v");
    simulation.run(1_000);
    const owner = "liar";
    const version = simulation.node("liar").core.version + 1;
    const changes: [string, string][] = [["k", "zzz"]];
    const base = version - 1;
    // Nobody ever proves this one…
    show(simulation, "liar", "b", {
      form: "delta",
      owner,
      version,
      base,
      changes,
      signature: undefined,
    });
    simulation.run(500);
    expect(seenBy(simulation, "b", "liar", "k")).toBe("zzz");
    // …and that of the same version, which others pass on, is proven.
    const entries = new Map([["k", "aaa"]]);
    const { privateKey } = simulation.node("liar").disk.keyPair;
    const message = rootSignedPart(owner, version, rootOf(entries));
    const signature = simulation.engine.sign(privateKey, "native", message, RUBBISH);
    simulation.liars.add("liar");
    simulation.promises.signed(owner, message);
    show(simulation, "a", "b", { form: "snapshot", owner, version, entries, signature });
    // Then the owner, which never said so, steps over it.
    simulation.run(12);
    expect(seenBy(simulation, "b", "liar", "k")).toBe("aaa");
    expect(warned(simulation.node("b"))).not.toContain("DSN_DUPLICATE_IDENTITY");
  });
});

describe("A state of a member that grows beyond the limit of a state", () => {
  it("is not taken, and leaves the room to others", () => {
    const simulation = sessionNetwork(["a", "b", "liar"]);
    const owner = "liar";
    simulation.liars.add(owner);
    const value = "x".repeat(1024 * 1024);
    for (let part = 0; part < 12; part += 1) {
      const base = simulation.node("b").core.member("liar")?.replica?.version ?? 0;
      const version = base + 1;
      const changes: [string, string][] = [[`part${part}`, value]];
      show(simulation, "liar", "b", {
        form: "delta",
        owner,
        version,
        base,
        changes,
        signature: undefined,
      });
      simulation.run(100);
    }
    const bytes = simulation.node("b").core.member("liar")?.replica?.bytes ?? 0;
    expect(bytes).toBeGreaterThan(6 * 1024 * 1024);
    expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(warned(simulation.node("b"))).toContain("DSN_PEER_LIMIT");
    simulation.write("a", "k", "v");
    simulation.run(200);
    expect(seenBy(simulation, "b", "a", "k")).toBe("v");
  });
});

describe("A digest answer that leads nowhere", () => {
  it.each(["differs", "more", "wanted"] as const)("ends the comparison: %s", (kind) => {
    const simulation = sessionNetwork(["a", "b", "liar"]);
    simulation.liars.add("liar");
    simulation.run(1_000);
    const states = Uint8Array.of(0, 0, 0, 0);
    const wanted = kind === "wanted" ? ["a", "b", "nobody"] : [];
    answers(simulation, NativeType.DIGEST, () =>
      kind === "differs"
        ? encodeDigestAnswer({ kind })
        : encodeDigestAnswer({ kind: "states", wanted, more: true, states }),
    );
    let asked = 0;
    simulation.sessions.tap = ({ from, type, payload }, reply) => {
      if (from.name !== "a" || type !== NativeType.DIGEST || reply !== undefined) return;
      if (decodeDigestRequest(payload).entries !== undefined) asked += 1;
    };
    simulation.run(MINUTE_MS);
    // One comparison in two ticks or so, with some rounds each.
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThan(60);
    simulation.verify();
  });
});

describe("Nodes that a member makes up", () => {
  const engine = createToySignatures();
  const invented = (simulation: Simulation, count: number, from: number): MemberEntry[] =>
    Array.from({ length: count }, (_, index) => {
      const nodeId = `invented${from + index}`;
      simulation.invented.add(nodeId);
      const { entropy } = simulation;
      const keyPair = simulation.newKeyPair();
      const issued = simulation.node("liar").unixSeconds;
      const address = "10.255.255.1";
      const role = "request" as const;
      const hello = forgeHello({ engine, entropy, keyPair, nodeId, role, issued, address });
      return { role, hello, endpoint: { address, port: SIM_PORT } };
    });

  it("are gone after seconds, and forgotten, however many there are", () => {
    const simulation = sessionNetwork(["a", "b", "liar"]);
    let count = 0;
    lists(simulation, () => {
      count += 100;
      return invented(simulation, 100, count);
    });
    simulation.run(30_000);
    const a = simulation.node("a");
    // Three times what may be shown: the more are made up, the less often the liar is asked.
    expect(count).toBeGreaterThanOrEqual(200);
    expect(a.core.members().length).toBeLessThanOrEqual(66);
    simulation.node("liar").corrupt = undefined;
    simulation.run(20_000);
    expect(a.present().sort()).toEqual(["b", "liar"]);
    expect(a.core.members().length).toBe(2);
    happyEnd(simulation);
  });

  it("do not come and go without end: a name that proved nothing is not shown again at once", () => {
    const simulation = sessionNetwork(["a", "b", "liar"]);
    const same = invented(simulation, 3, 1);
    lists(simulation, () => same);
    simulation.run(2 * MINUTE_MS);
    for (const name of ["a", "b"]) {
      expect(comings(simulation.node(name), "invented1").length).toBeLessThanOrEqual(6);
    }
  });
});

describe("A node that is shown at a wrong address first", () => {
  it("is reached as soon as somebody shows the right one", () => {
    const simulation = sessionNetwork(["b", "c", "liar"]);
    lists(simulation, () =>
      simulation
        .node("liar")
        .core.members()
        .flatMap(({ hello }) =>
          hello === undefined
            ? []
            : [
                {
                  role: hello.role,
                  hello: hello.bytes,
                  endpoint: { address: "10.255.255.1", port: SIM_PORT },
                },
              ],
        ),
    );
    simulation.liars.add("liar");
    // It meets the liar first, and b cannot call it.
    simulation.add("new", { join: ["liar"], sessions: true });
    const [b, c, fresh] = ["b", "c", "new"].map((name) => simulation.addressOf(name));
    simulation.network.block(b ?? "", fresh ?? "", "silent");
    simulation.network.block(c ?? "", fresh ?? "", "silent");
    simulation.run(3_000);
    simulation.node("liar").corrupt = undefined;
    simulation.run(30_000);
    expect(simulation.node("new").core.member("b")?.endpoint?.address).toBe(b);
    expect(simulation.node("new").core.member("b")?.status).toBe("alive");
  });
});
