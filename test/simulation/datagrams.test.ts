/** What goes by datagram, and what becomes of a network where they do not pass. */
import { describe, expect, it } from "vitest";
import { Simulation } from "../../src/testing/index.ts";
import { sessionNetwork } from "./sessions.ts";
import { comings, sentDuring } from "./stories.ts";

const MINUTE_MS = 60_000;

/** Nodes that have met; those in upper case take no datagrams. */
function network(names: readonly string[], options: { lossRate?: number } = {}): Simulation {
  const simulation = new Simulation({ seed: 2, ...options });
  for (const name of names) {
    const datagrams = name === name.toLowerCase();
    simulation.add(name, { join: names.filter((other) => other !== name), datagrams });
  }
  simulation.converge(20_000);
  simulation.run(10_000);
  return simulation;
}

/** What a node was told of the way to another one: whether datagrams pass, in order. */
function told(simulation: Simulation, name: string, of: string): boolean[] {
  const notes = simulation.node(name).datagrams?.told ?? [];
  return notes.filter(({ to }) => to === simulation.addressOf(of)).map(({ pass }) => pass);
}

/** Messages that the application of a node got, in order. */
function messages(simulation: Simulation, name: string): string[] {
  return simulation
    .node(name)
    .events.flatMap((event) =>
      event.name === "data" ? [new TextDecoder().decode(event.data)] : [],
    );
}

describe("Datagrams", () => {
  it.each([6, 7])("of which half are lost make nobody give up anybody, seed %i", (seed) => {
    const names = ["a", "b", "c", "d", "e"];
    const simulation = sessionNetwork(names, { seed, delayMs: [1, 10] }, { datagrams: true });
    simulation.run(10_000);
    simulation.network.lossRate = 0.5;
    for (const name of names) simulation.node(name).events.length = 0;
    simulation.run(4 * MINUTE_MS);
    for (const name of names) {
      for (const of of names) expect(comings(simulation.node(name), of)).toEqual([]);
    }
  });

  it("carry all that is small: over HTTP goes one PING per peer in 45 s", () => {
    const simulation = network(["a", "b", "c"]);
    const sent = sentDuring(simulation, "a", () => {
      for (let second = 0; second < 60; second += 1) {
        simulation.write("a", "k", String(second));
        simulation.send("a", "b", new TextEncoder().encode(`message ${second}`));
        simulation.run(1_000);
      }
    });
    expect(sent).toMatchObject({ HELLO: 0, UPDATE: 0, PEERS: 0 });
    expect(sent["DATA"] ?? 0).toBe(0);
    expect(sent["PING"]).toBeLessThanOrEqual(4);
    expect(simulation.node("b").read("a")?.get("k")).toBe("59");
    expect(messages(simulation, "b")).toHaveLength(60);
  });

  it("a state that does not fit goes over HTTP, and back to datagrams when it fits again", () => {
    const simulation = network(["a", "b"]);
    const large = sentDuring(simulation, "a", () => {
      simulation.write("a", "k", "x".repeat(5_000));
      simulation.run(200);
    });
    expect(large["UPDATE"]).toBe(1);
    expect(simulation.node("b").read("a")?.get("k")).toHaveLength(5_000);
    simulation.write("a", "k", "small");
    simulation.run(2 * MINUTE_MS);
    const small = sentDuring(simulation, "a", () => {
      simulation.write("a", "k", "smaller");
      simulation.run(200);
    });
    expect(small["UPDATE"]).toBe(0);
    expect(simulation.node("b").read("a")?.get("k")).toBe("smaller");
  });

  it("nodes with and without them make one network", () => {
    const simulation = network(["a", "b", "C"]);
    for (const name of ["a", "b", "C"]) simulation.write(name, "k", `of ${name}`);
    simulation.converge(1_000);
    simulation.verify();
    for (const name of ["a", "b"]) expect(told(simulation, name, "C")).toEqual([]);
  });

  it("where they stop passing is told once, and costs nobody; so is that they pass again", () => {
    const simulation = network(["a", "b", "c"]);
    const [a, b] = [simulation.addressOf("a"), simulation.addressOf("b")];
    simulation.network.dropDatagrams(a, b);
    for (let second = 0; second < 60; second += 1) {
      simulation.write("a", "k", String(second));
      simulation.run(1_000);
      // A try by datagram, then HTTP: never longer than that.
      expect(simulation.node("b").read("a")?.get("k")).toBe(String(second));
    }
    expect(told(simulation, "a", "b")).toEqual([false]);
    expect(told(simulation, "a", "c")).toEqual([]);
    simulation.network.mend();
    simulation.run(2 * MINUTE_MS);
    expect(told(simulation, "a", "b")).toEqual([false, true]);
    for (const name of ["a", "b", "c"]) {
      for (const other of ["a", "b", "c"]) {
        if (name !== other) expect(comings(simulation.node(name), other)).toEqual(["join"]);
      }
    }
  });

  it("with 30 % of them lost nobody is given up, and each message arrives once", () => {
    const simulation = network(["a", "b", "c"]);
    simulation.network.lossRate = 0.3;
    simulation.network.duplicateRate = 0.5;
    const failed: unknown[] = [];
    for (let count = 0; count < 300; count += 1) {
      const data = new TextEncoder().encode(`message ${count}`);
      simulation.send("a", "b", data, (error) => error !== undefined && failed.push(error));
      simulation.run(1_000);
    }
    simulation.network.heal();
    simulation.run(20_000);
    const arrived = messages(simulation, "b");
    expect(new Set(arrived).size).toBe(arrived.length);
    expect(arrived.length).toBeGreaterThanOrEqual(300 - failed.length);
    // Over HTTP alone, half of all requests or answers are lost.
    expect(failed.length).toBeLessThan(15);
    expect(comings(simulation.node("a"), "b")).toEqual(["join"]);
    simulation.verify();
  });

  it("a peer that restarts without them gets none, and all that is sent to it", () => {
    const simulation = network(["a", "b"]);
    simulation.restart("b", { datagrams: false });
    simulation.run(5_000);
    simulation.write("a", "k", "after");
    simulation.run(100);
    expect(simulation.node("b").read("a")?.get("k")).toBe("after");
    expect(told(simulation, "a", "b")).toEqual([]);
  });
});
