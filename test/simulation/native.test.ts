import { describe, expect, it } from "vitest";
import { Simulation } from "../../src/testing/index.ts";
import { decodeStates } from "../../src/wire/native-states.ts";
import { NativeType } from "../../src/wire/native-type.ts";
import { heardDuring, sessionNetwork } from "./sessions.ts";
import { comings, happyEnd, partition, SOON_MS, seenBy, sentDuring, warned } from "./stories.ts";

const MINUTE_MS = 60_000;
const TICK_MS = 3_000;

describe("A write", () => {
  it("is everywhere after one hop, by one STATES to each peer; its proof follows", () => {
    const simulation = sessionNetwork(["a", "b", "c", "d"], { delayMs: [5, 5] });
    simulation.run(SOON_MS);
    const heard = heardDuring(simulation, () => {
      simulation.write("a", "k", "1");
      simulation.write("a", "other", "2");
      simulation.run(5.3);
      for (const name of ["b", "c", "d"]) expect(seenBy(simulation, name, "a", "k")).toBe("1");
    });
    expect(heard.filter((line) => line.includes("STATES")).sort()).toEqual([
      "a>b STATES",
      "a>c STATES",
      "a>d STATES",
    ]);
    const forms: string[] = [];
    simulation.sessions.tap = ({ type, payload }, reply) => {
      if (reply === undefined && type === NativeType.STATES)
        forms.push(...decodeStates(payload).map(({ form }) => form));
    };
    simulation.run(20);
    expect(forms).toEqual(["proof", "proof", "proof"]);
    const replica = simulation.node("d").core.member("a")?.replica;
    expect(replica?.kind === "native" && replica.proof?.version).toBe(replica?.version);
    happyEnd(simulation);
  });

  it("to a slow peer waits in no queue: what it misses comes as one change to the newest", () => {
    const simulation = sessionNetwork(["a", "b", "c"]);
    simulation.run(SOON_MS);
    simulation.pause("b");
    let toSlow = 0;
    simulation.sessions.tap = ({ to, type }, reply) => {
      if (reply === undefined && to.name === "b" && type === NativeType.STATES) toSlow += 1;
    };
    for (let round = 0; round < 1_000; round += 1) {
      simulation.write("a", `k${round % 3}`, String(round));
      simulation.run(1);
      if (round % 100 === 99) expect(seenBy(simulation, "c", "a", "k0")).toBeDefined();
    }
    const told = toSlow;
    expect(told).toBeLessThanOrEqual(64);
    simulation.resume("b");
    expect(
      simulation.runUntil(() => seenBy(simulation, "b", "a", "k0") === "999", 2_000),
    ).toBeLessThan(500);
    happyEnd(simulation);
    expect(comings(simulation.node("a"), "b")).toEqual(["join"]);
  });
});

describe("A joiner", () => {
  it("reads everything through one native peer, two round trips after its session", () => {
    const hopMs = 10;
    const names = ["a", "b", "c", "d", "e", "f"];
    const simulation = sessionNetwork(names, { delayMs: [hopMs, hopMs] });
    for (const name of names) simulation.write(name, "k", name);
    simulation.run(SOON_MS);
    const others = ["b", "c", "d", "e", "f"];
    const address = simulation.addressOf("new");
    for (const name of others) {
      simulation.network.cut(address, simulation.addressOf(name));
      simulation.network.cut(simulation.addressOf(name), address);
    }
    simulation.add("new", { join: ["a"], sessions: true });
    const readsAll = () => names.every((name) => seenBy(simulation, "new", name, "k") === name);
    const [hello, dialling, reading] = [2, 8, 4];
    simulation.run((hello + dialling + reading) * hopMs + 8);
    expect(readsAll()).toBe(true);
    for (const name of others)
      expect(simulation.node("new").core.member(name)?.status).toBe("relayed");
    // Others hear of it as fast, and it stays.
    simulation.run(MINUTE_MS);
    expect(readsAll()).toBe(true);
    for (const name of others) {
      expect(comings(simulation.node("new"), name)).toEqual(["join"]);
      expect(comings(simulation.node(name), "new")).toEqual(["join"]);
    }
    simulation.network.heal();
    happyEnd(simulation, 70_000);
  });
});

describe("A broken link between two of three", () => {
  it.each(["cut", "silent", "reject"] as const)(
    "%s: nobody leaves, and states still arrive",
    (how) => {
      const simulation = sessionNetwork(["a", "b", "c"], { seed: 3 });
      simulation.run(SOON_MS);
      const [a = "", b = ""] = ["a", "b"].map((name) => simulation.addressOf(name));
      const { network, sessions } = simulation;
      if (how === "cut") partition(simulation, ["a"], ["b"]);
      else {
        // A firewall that lets nothing new pass, and the session that there was has ended.
        network.block(a, b, how);
        network.block(b, a, how);
        sessions.end(simulation.node("a"), "b");
      }
      const relayed = () => simulation.node("a").core.member("b")?.status === "relayed";
      const noticedMs = simulation.runUntil(relayed, 30_000);
      expect(noticedMs).toBeLessThan(13_000);
      simulation.run(TICK_MS);
      const delays: number[] = [];
      for (let round = 0; round < 20; round += 1) {
        const value = String(round);
        simulation.write("b", "k", value);
        const startMs = simulation.clock.nowMs;
        while (seenBy(simulation, "a", "b", "k") !== value) {
          simulation.run(1);
          if (simulation.clock.nowMs - startMs > 10_000) throw new Error(`lost ${value}`);
        }
        delays.push(simulation.clock.nowMs - startMs);
        simulation.run(1_000);
      }
      expect(Math.max(...delays)).toBeLessThan(2_000);
      simulation.run(MINUTE_MS);
      for (const [node, peer] of ["ab", "ba", "ca", "cb", "ac", "bc"].map((pair) => [...pair]))
        expect(comings(simulation.node(node ?? ""), peer ?? ""), `${node} of ${peer}`).toEqual([
          "join",
        ]);
      expect(simulation.node("a").core.member("b")?.status).toBe("relayed");
      network.heal();
      const healed = () =>
        ["a", "b"].every((name) =>
          simulation
            .node(name)
            .core.members()
            .every(({ status }) => status === "alive"),
        );
      expect(simulation.runUntil(healed, 70_000)).toBeLessThan(70_000);
      happyEnd(simulation);
    },
  );

  it("that stays broken when a lost node is back is made up for by the third", () => {
    const simulation = sessionNetwork(["a", "b", "c"], { seed: 4 });
    partition(simulation, ["a"], ["b", "c"]);
    simulation.run(MINUTE_MS);
    expect(simulation.node("a").present()).toEqual([]);
    simulation.write("b", "k", "v");
    simulation.network.heal();
    partition(simulation, ["a"], ["b"]);
    const seen = () => seenBy(simulation, "a", "b", "k") === "v";
    expect(simulation.runUntil(seen, 70_000)).toBeLessThan(70_000);
    expect(simulation.node("a").core.member("b")?.status).toBe("relayed");
    simulation.verify();
    simulation.network.heal();
    happyEnd(simulation, 70_000);
  });
});

describe("An owner that restarts on an older clock", () => {
  it.each(["kept", "unmarked"] as const)("is shown right everywhere, its disk %s", (disk) => {
    for (const seed of [1, 2, 3, 4]) {
      const simulation = sessionNetwork(["a", "b", "c"], { seed });
      simulation.write("b", "life", "first");
      simulation.write("b", "gone", "soon");
      simulation.run(SOON_MS);
      simulation.crash("b");
      simulation.run(300);
      simulation.restart("b", { disk, skewSeconds: -3_600 });
      simulation.write("b", "life", "second");
      happyEnd(simulation);
      for (const name of ["a", "c"]) {
        expect(seenBy(simulation, name, "b", "life")).toBe("second");
        expect(seenBy(simulation, name, "b", "gone")).toBeUndefined();
      }
      simulation.write("b", "life", "third");
      simulation.run(100);
      expect(seenBy(simulation, "c", "b", "life")).toBe("third");
    }
  });

  it("that lost its identity is not let in under its name, until it is forgotten", () => {
    const simulation = sessionNetwork(["a", "b"]);
    simulation.crash("b");
    simulation.restart("b", { disk: "lost", skewSeconds: -3_600 });
    simulation.run(20_000);
    const a = simulation.node("a");
    expect(a.present()).toEqual([]);
    expect(a.warnings()).toContain("DSN_PEER_IDENTITY_CHANGED");
    a.step({ kind: "forget", nodeId: "b" });
    happyEnd(simulation, 20_000);
  });
});

describe("Two machines with one identity", () => {
  it("are told of on both sides, and the others do not flap without end", () => {
    const simulation = sessionNetwork(["a", "b", "c"], { seed: 2 });
    simulation.run(SOON_MS);
    simulation.add("twin", { cloneOf: "c", join: ["a", "b"], sessions: true });
    for (let round = 0; round < 60; round += 1) {
      simulation.write("c", "who", `c${round}`);
      simulation.write("twin", "who", `twin${round}`);
      simulation.run(2_000);
    }
    // Both of them, and whoever was answered by both in turn.
    const told = ["a", "b", "c", "twin"].filter((name) =>
      warned(simulation.node(name)).includes("DSN_DUPLICATE_IDENTITY"),
    );
    expect(told).toEqual(expect.arrayContaining(["c", "twin"]));
    expect(told.length).toBeGreaterThan(2);
    for (const name of ["a", "b"]) {
      expect(comings(simulation.node(name), "c").length, name).toBeLessThanOrEqual(4);
      const other = name === "a" ? "b" : "a";
      expect(comings(simulation.node(name), other)).toEqual(["join"]);
    }
    for (const { faults } of simulation.nodes.values()) expect(faults).toEqual([]);
    // Once one of them stops, all is well again.
    simulation.crash("twin");
    simulation.nodes.delete("twin");
    simulation.run(5_000);
    simulation.write("c", "who", "only c");
    expect(simulation.converge(MINUTE_MS)).toBeLessThan(MINUTE_MS);
  });
});

describe("A network of all kinds", () => {
  it("converges; Python peers see no ghost and no false disconnect, and nothing native", () => {
    const simulation = new Simulation({ seed: 5 });
    for (const name of ["s0", "s1", "s2"])
      simulation.add(name, { join: ["s0", "s1"], sessions: true });
    for (const name of ["n0", "n1"]) simulation.add(name, { join: ["s0", "s1"] });
    simulation.run(1_000);
    for (const name of ["p0", "p1"]) simulation.addPython(name, { join: ["s0", "n0"] });
    const native: string[] = [];
    simulation.sessions.tap = ({ from, to }) => {
      if (!from.sessions || !to.sessions) native.push(`${from.name}>${to.name}`);
    };
    const weak: string[] = [];
    simulation.carrier.tap = ({ from, to, type }) => {
      const both = [from, to].every((host) => host?.name.startsWith("s") === true);
      if (both && type !== 1) weak.push(`${from.name}>${to?.name} ${type}`);
    };
    simulation.converge(30_000);
    const all = ["s0", "s1", "s2", "n0", "n1"];
    for (let round = 0; round < 30; round += 1) {
      for (const name of all) simulation.write(name, "round", String(round));
      for (const python of simulation.pythons.values()) python.write("round", String(round));
      simulation.run(1_000);
    }
    expect(simulation.converge(30_000)).toBeLessThan(30_000);
    simulation.run(MINUTE_MS);
    expect(simulation.unconverged()).toEqual([]);
    simulation.verify();
    expect(native).toEqual([]);
    expect(weak).toEqual([]);
    for (const { ghosts, disconnects } of simulation.pythons.values())
      expect([...ghosts, ...disconnects]).toEqual([]);
  });
});

describe("A node with a whitelist", () => {
  it("passes nothing on: neither states, nor members, nor HELLOs", () => {
    const simulation = sessionNetwork(["a", "b", "c"], {}, { whitelist: ["a", "b", "c"] });
    partition(simulation, ["a"], ["b"]);
    simulation.run(20_000);
    simulation.write("b", "k", "v");
    simulation.run(MINUTE_MS);
    expect(simulation.node("a").core.member("b")?.status).toBe("down");
    expect(seenBy(simulation, "c", "b", "k")).toBe("v");
    simulation.network.heal();
    happyEnd(simulation, 70_000);
    expect(seenBy(simulation, "a", "b", "k")).toBe("v");
  });
});

describe("A quiet network of eight", () => {
  it("sends a node's dozens of small messages a minute, and no states", () => {
    const names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const simulation = sessionNetwork(names);
    for (const name of names) simulation.write(name, "k", "v");
    simulation.run(MINUTE_MS);
    let bytes = 0;
    simulation.sessions.tap = ({ from, to, payload }, reply) => {
      if (reply === undefined && from.name === "a") bytes += payload.length;
      else if (reply?.kind === "answer" && to.name === "a") bytes += reply.payload.length;
    };
    const minutes = 10;
    const sent = sentDuring(simulation, "a", () => simulation.run(minutes * MINUTE_MS));
    const ticks = (minutes * MINUTE_MS) / TICK_MS;
    expect(sent).toMatchObject({ DIGEST: ticks, MEMBERS: ticks });
    // The one behind it in each round of a second, and one in turn, which is the same now and then.
    const probes = (sent["ALIVE"] ?? 0) / (minutes * 60);
    expect(probes).toBeGreaterThan(1.7);
    expect(probes).toBeLessThanOrEqual(2);
    expect(sent["STATES"] ?? 0).toBe(0);
    expect(sent["HELLO"] ?? 0).toBe(0);
    expect(bytes / minutes).toBeLessThan(2_000);
  });

  it("holds on to nothing: after an hour as little is pending as after a minute", () => {
    const simulation = sessionNetwork(["a", "b", "c", "d"]);
    simulation.crash("d");
    simulation.run(60 * MINUTE_MS);
    for (const node of simulation.running()) {
      const { replies, operations, timers } = node.core.pending;
      expect(replies + operations).toBeLessThan(12);
      expect(timers).toBeLessThan(20);
      expect(node.unanswered).toBe(0);
    }
    simulation.restart("d");
    simulation.converge(90_000);
    simulation.verify();
  });
});

describe("Bad days", () => {
  it("30 % loss is survived, and forgotten when it ends", () => {
    const names = ["a", "b", "c", "d", "e"];
    const simulation = sessionNetwork(names, { seed: 3 });
    simulation.network.lossRate = 0.3;
    for (let round = 0; round < 60; round += 1) {
      simulation.write(names[round % 5] ?? "a", "round", String(round));
      simulation.run(1_000);
    }
    simulation.network.heal();
    happyEnd(simulation);
  });

  it("a partition of ten minutes heals by itself, whatever was written", () => {
    const simulation = sessionNetwork(["a", "b", "c", "d"]);
    partition(simulation, ["a", "b"], ["c", "d"]);
    for (let round = 0; round < 10; round += 1) {
      for (const name of ["a", "d"]) simulation.write(name, "at", String(round));
      simulation.run(MINUTE_MS);
    }
    expect(simulation.node("a").present()).toEqual(["b"]);
    expect(seenBy(simulation, "b", "a", "at")).toBe("9");
    simulation.network.heal();
    happyEnd(simulation, 70_000);
    expect(comings(simulation.node("a"), "d")).toEqual(["join", "leave", "join"]);
  });
});
