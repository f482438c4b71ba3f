import { describe, expect, it } from "vitest";
import { Simulation } from "../../src/testing/index.ts";
import { addresses, comings, happyEnd, network, partition, SOON_MS, seenBy } from "./stories.ts";

const MINUTE_MS = 60_000;

describe("A partition", () => {
  it.each([10_000, 10 * MINUTE_MS])("of %i ms heals by itself, whatever was written", (lastsMs) => {
    const simulation = network(["a", "b", "c", "d"]);
    partition(simulation, ["a", "b"], ["c", "d"]);
    for (let ms = 0; ms < lastsMs; ms += lastsMs / 10) {
      simulation.write("a", "at", String(ms));
      simulation.write("d", "at", String(ms));
      simulation.run(lastsMs / 10);
    }
    expect(simulation.node("a").present()).toEqual(["b"]);
    expect(simulation.node("c").present()).toEqual(["d"]);
    // Each side goes on among itself.
    expect(seenBy(simulation, "b", "a", "at")).toBe(String(lastsMs * 0.9));
    simulation.network.heal();
    happyEnd(simulation);
    expect(comings(simulation.node("a"), "d")).toEqual(["join", "leave", "join"]);
  });

  it("shorter than three tries is nobody's death", () => {
    const simulation = network(["a", "b", "c"]);
    partition(simulation, ["a"], ["b", "c"]);
    simulation.run(3_000);
    simulation.network.heal();
    happyEnd(simulation);
    for (const name of ["a", "b", "c"])
      expect(simulation.node(name).events.some((event) => event.name === "peer:leave")).toBe(false);
  });
});

describe("Loss", () => {
  it.each([1, 3])(
    "of half of all packets is nobody's death in a large network, seed %i",
    (seed) => {
      const simulation = new Simulation({ seed, lossRate: 0.01 });
      for (let index = 0; index < 48; index += 1) {
        const join = index === 0 ? [] : ["n0"];
        simulation.clock.in(20 * index, () =>
          simulation.add(`n${index}`, { join, sessions: true, datagrams: "plain" }),
        );
      }
      simulation.run(1_000);
      simulation.converge(30_000);
      simulation.network.lossRate = 0.5;
      simulation.run(MINUTE_MS);
      for (const { name, events } of simulation.nodes.values())
        expect(
          events.some((event) => event.name === "peer:leave"),
          name,
        ).toBe(false);
    },
  );

  it("of 50 % from the beginning lets nobody be given up", () => {
    const simulation = new Simulation({ seed: 1, lossRate: 0.5 });
    const names = Array.from({ length: 40 }, (_, index) => `n${index}`);
    for (const [index, name] of names.entries()) {
      const join = index === 0 ? [] : ["n0"];
      simulation.clock.in((index * 997) % 1_000, () =>
        simulation.add(name, { join, sessions: true, datagrams: "plain" }),
      );
    }
    simulation.run(45_000);
    let joins = 0;
    for (const { name, events } of simulation.nodes.values()) {
      joins += events.filter((event) => event.name === "peer:join").length;
      expect(
        events.some((event) => event.name === "peer:leave"),
        name,
      ).toBe(false);
    }
    expect(joins).toBeGreaterThan(200);
  });

  it("of 30 % is survived, and forgotten when it ends", () => {
    const simulation = network(["a", "b", "c", "d", "e"], { seed: 3 });
    simulation.network.lossRate = 0.3;
    for (let round = 0; round < 60; round += 1) {
      simulation.write("abcde"[round % 5] ?? "a", "round", String(round));
      simulation.run(1_000);
    }
    simulation.network.heal();
    happyEnd(simulation);
  });

  it("D24: a lost UPDATE is sent again at the next tick, to whom it was lost", () => {
    const simulation = network(["a", "b", "c", "d", "e", "f", "g", "h"], { seed: 4 });
    simulation.run(SOON_MS);
    simulation.network.lossRate = 1;
    simulation.write("a", "lost", "once");
    simulation.run(30);
    simulation.network.lossRate = 0;
    const everywhere = () =>
      [..."bcdefgh"].every((name) => seenBy(simulation, name, "a", "lost") === "once");
    expect(everywhere()).toBe(false);
    // A time-out of 2 s, then at most one tick.
    expect(simulation.runUntil(everywhere, 60_000)).toBeLessThan(5_500);
    expect(simulation.node("a").events.some(({ name }) => name === "peer:leave")).toBe(false);
    simulation.verify();
  });
});

describe("A broken link between two of three", () => {
  it("one way: state arrives where it can, and nobody flaps", () => {
    const simulation = network(["a", "b", "c"], { seed: 5 });
    const [a, b] = addresses(simulation, "a", "b") as [string, string];
    // A firewall: b cannot call a, but a calls b.
    simulation.network.block(b, a, "silent");
    for (let round = 0; round < 60; round += 1) {
      for (const name of ["a", "b", "c"]) simulation.write(name, "round", String(round));
      simulation.run(2_000);
      // What a says reaches b; what b says reaches a in the answers.
      expect(seenBy(simulation, "b", "a", "round")).toBe(String(round));
    }
    expect(seenBy(simulation, "c", "b", "round")).toBe("59");
    expect(Number(seenBy(simulation, "a", "b", "round"))).toBeGreaterThan(55);
    expect(simulation.node("b").core.member("a")?.status).toBe("one-way");
    for (const [node, peer] of ["ab", "ba", "ca", "cb"].map((pair) => [...pair]))
      expect(comings(simulation.node(node ?? ""), peer ?? ""), `${node} of ${peer}`).toEqual([
        "join",
      ]);
    simulation.network.heal();
    happyEnd(simulation);
  });

  it.each(["silent", "reject"] as const)("quiet, %s: comes and goes at most once", (barrier) => {
    const simulation = network(["a", "b", "c"], { seed: 6 });
    const [a, b] = addresses(simulation, "a", "b") as [string, string];
    simulation.network.block(b, a, barrier);
    simulation.run(5 * MINUTE_MS);
    expect(comings(simulation.node("b"), "a").length).toBeLessThanOrEqual(2);
    expect(comings(simulation.node("a"), "b")).toEqual(["join"]);
    expect(comings(simulation.node("c"), "a")).toEqual(["join"]);
    simulation.network.heal();
    happyEnd(simulation);
  });

  it("packets of one direction vanish: each leaves once at the other, c sees both", () => {
    const simulation = network(["a", "b", "c"], { seed: 7 });
    const [a, b] = addresses(simulation, "a", "b") as [string, string];
    simulation.network.cut(a, b);
    for (let round = 0; round < 60; round += 1) {
      for (const name of ["a", "b", "c"]) simulation.write(name, "round", String(round));
      simulation.run(2_000);
    }
    for (const [node, peer] of ["ab", "ba"].map((pair) => [...pair]))
      expect(comings(simulation.node(node ?? ""), peer ?? "").length).toBeLessThanOrEqual(2);
    expect(simulation.node("c").present().sort()).toEqual(["a", "b"]);
    simulation.network.heal();
    happyEnd(simulation);
  });
});

describe("A process", () => {
  it("D15: paused for 13 s leaves once, joins once, and is back within two ticks", () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const simulation = network(["a", "b", "c"], { seed });
      simulation.run(seed * 400);
      simulation.pause("b");
      simulation.run(13_000);
      simulation.write("a", "meanwhile", "written");
      simulation.resume("b");
      expect(simulation.converge(6_000), `seed ${seed}`).toBeLessThanOrEqual(6_000);
      happyEnd(simulation);
      for (const name of ["a", "c"])
        expect(comings(simulation.node(name), "b")).toEqual(["join", "leave", "join"]);
      // It blames nobody for its own absence.
      for (const name of ["a", "c"]) expect(comings(simulation.node("b"), name)).toEqual(["join"]);
    }
  });

  it("D15: two nodes alone, paused for 13 s, find back as well", () => {
    const simulation = network(["a", "b"]);
    simulation.pause("b");
    simulation.run(13_000);
    simulation.resume("b");
    happyEnd(simulation, 6_000);
    expect(comings(simulation.node("a"), "b")).toEqual(["join", "leave", "join"]);
  });

  it("that dies leaves once, and its state with it", () => {
    const simulation = network(["a", "b", "c"]);
    simulation.write("c", "last", "word");
    simulation.run(100);
    simulation.crash("c");
    simulation.run(10 * MINUTE_MS);
    expect(comings(simulation.node("a"), "c")).toEqual(["join", "leave"]);
    expect(simulation.node("a").read("c")).toBeUndefined();
    simulation.verify();
  });

  it("that dies is missed within a second: its connections break, nobody waits for a tick", () => {
    for (const seed of [1, 2, 3, 4]) {
      const simulation = network(["a", "b", "c"], { seed });
      simulation.run(SOON_MS + seed * 700);
      simulation.crash("c");
      const gone = () => simulation.node("a").read("c") === undefined;
      expect(simulation.runUntil(gone, SOON_MS), `seed ${seed}`).toBeLessThan(1_000);
    }
  });

  it("that crashes and starts again before anybody noticed never leaves", () => {
    const simulation = network(["a", "b", "c"], { seed: 8 });
    simulation.closesConnections = false;
    simulation.write("b", "life", "first");
    simulation.run(200);
    simulation.crash("b");
    simulation.run(200);
    simulation.restart("b");
    simulation.write("b", "life", "second");
    happyEnd(simulation);
    expect(seenBy(simulation, "a", "b", "life")).toBe("second");
    expect(comings(simulation.node("a"), "b")).toEqual(["join"]);
  });

  it.each(["kept", "unmarked"] as const)(
    "D21 D22: that restarts on a clock an hour behind is believed, its mark %s",
    (disk) => {
      const simulation = network(["a", "b", "c"], { seed: 9 });
      simulation.write("b", "life", "first");
      simulation.run(SOON_MS);
      simulation.crash("b");
      simulation.run(300);
      simulation.restart("b", { disk, skewSeconds: -3_600 });
      simulation.write("b", "life", "second");
      happyEnd(simulation);
      expect(seenBy(simulation, "a", "b", "life")).toBe("second");
      simulation.write("b", "life", "third");
      simulation.run(100);
      expect(seenBy(simulation, "c", "b", "life")).toBe("third");
    },
  );

  it("D21: whose clock steps back an hour while it runs is believed", () => {
    const simulation = network(["a", "b"]);
    simulation.write("b", "k", "before");
    simulation.run(1_000);
    simulation.node("b").skewSeconds = -3_600;
    simulation.write("b", "k", "after");
    simulation.run(100);
    expect(seenBy(simulation, "a", "b", "k")).toBe("after");
    simulation.verify();
  });

  it("that comes back at another address is found there", () => {
    const simulation = network(["a", "b", "c"], { seed: 10 });
    for (const disk of ["kept", "unmarked"] as const) {
      simulation.crash("b");
      simulation.run(500);
      const address = disk === "kept" ? "10.77.0.1" : "10.77.0.2";
      const skewSeconds = disk === "kept" ? 0 : -3_600;
      simulation.restart("b", { address, disk, skewSeconds });
      simulation.write("b", "moved", address);
      happyEnd(simulation, 20_000);
      expect(simulation.node("a").core.member("b")?.endpoint?.address).toBe(address);
    }
  });

  it("that lost its identity is not let in under its name, until it is forgotten", () => {
    const simulation = network(["a", "b"]);
    simulation.crash("b");
    simulation.restart("b", { disk: "lost" });
    simulation.run(20_000);
    const a = simulation.node("a");
    expect(a.present()).toEqual([]);
    expect(a.warnings()).toContain("DSN_PEER_IDENTITY_CHANGED");
    a.step({ kind: "forget", nodeId: "b" });
    happyEnd(simulation, 20_000);
    expect(a.warnings()).not.toContain("DSN_PEER_IDENTITY_CHANGED");
  });
});
