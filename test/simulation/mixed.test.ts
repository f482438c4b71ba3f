/** Our nodes and peers that behave as the Python implementation does, in one network. */
import { describe, expect, it } from "vitest";
import { type SimPython, Simulation } from "../../src/testing/index.ts";
import { addresses, comings, seenBy, sentDuring } from "./stories.ts";

/** What a Python peer lost comes with the gossip of the writer, to one peer at each of its ticks. */
const GOSSIP_MS = 180_000;

function mixed(seed: number): { simulation: Simulation; p: SimPython; q: SimPython } {
  const simulation = new Simulation({ seed });
  for (const name of ["a", "b", "c"]) simulation.add(name, { join: ["a", "b"] });
  simulation.run(1_000);
  const p = simulation.addPython("p", { join: ["a"] });
  simulation.run(500);
  const q = simulation.addPython("q", { join: ["c"] });
  simulation.converge(10_000);
  return { simulation, p, q };
}

function writeAll(simulation: Simulation, ms: number): void {
  for (let at = 0; at < ms; at += 700) {
    for (const node of simulation.running())
      if (!node.paused) simulation.write(node.name, "at", String(at));
    for (const python of simulation.pythons.values())
      if (simulation.random() < 0.3) python.write("at", String(at));
    simulation.run(700);
  }
}

const idsOf = (notes: readonly { readonly nodeId: string }[]) =>
  notes.map(({ nodeId }) => nodeId).sort();

describe.each([1, 2, 3])("In a mixed network, seed %i", (seed) => {
  it("all read all, and no Python peer lists a ghost or loses anybody", () => {
    const { simulation, p, q } = mixed(seed);
    writeAll(simulation, 60_000);
    simulation.converge(GOSSIP_MS);
    simulation.run(120_000);
    for (const python of [p, q]) {
      expect(python.ghosts).toEqual([]);
      expect(python.disconnects).toEqual([]);
      expect(python.present().length).toBe(4);
    }
    for (const node of simulation.running())
      for (const name of ["p", "q"]) expect(comings(node, name)).toEqual(["join"]);
    simulation.verify();
  });

  it("D15: our node, paused for 13 s, costs each Python peer one disconnect and no ghost", () => {
    const { simulation, p, q } = mixed(seed);
    simulation.pause("b");
    writeAll(simulation, 13_000);
    simulation.resume("b");
    simulation.write("b", "back", "again");
    writeAll(simulation, 20_000);
    simulation.converge(GOSSIP_MS);
    simulation.run(20_000);
    for (const python of [p, q]) {
      expect(python.ghosts).toEqual([]);
      expect(idsOf(python.disconnects)).toEqual(["b"]);
      expect(python.read("b")?.get("back")).toBe("again");
    }
    simulation.verify();
  });

  it.each([3_000, 5_000, 7_000, 20_000])("a broken link of %i ms leaves no ghost", (lastsMs) => {
    const { simulation, p, q } = mixed(seed);
    const [b, pAddress] = addresses(simulation, "b", "p") as [string, string];
    simulation.network.partition([b], [pAddress]);
    writeAll(simulation, lastsMs);
    simulation.network.heal();
    writeAll(simulation, 30_000);
    simulation.converge(GOSSIP_MS);
    expect(p.ghosts).toEqual([]);
    expect(p.disconnects.length).toBeLessThanOrEqual(1);
    expect(q.disconnects).toEqual([]);
    simulation.verify();
  });

  it("a Python peer that cannot call us is left alone after three tries", () => {
    const { simulation, p } = mixed(seed);
    const [b, pAddress] = addresses(simulation, "b", "p") as [string, string];
    simulation.network.block(pAddress, b, "reject");
    writeAll(simulation, 50_000);
    expect(p.disconnects.length).toBeLessThanOrEqual(4);
    expect(p.ghosts.length).toBeLessThanOrEqual(2);
    expect(simulation.node("b").warnings()).toContain("DSN_ONE_WAY");
    simulation.network.heal();
    simulation.run(60_000);
    writeAll(simulation, 10_000);
    simulation.converge(GOSSIP_MS);
    expect(simulation.node("b").warnings()).not.toContain("DSN_ONE_WAY");
    simulation.verify();
  });

  it("our node that restarts on an older clock without its mark is believed by Python too", () => {
    const { simulation, p, q } = mixed(seed);
    simulation.write("b", "life", "first");
    simulation.run(1_000);
    simulation.crash("b");
    simulation.run(300);
    simulation.restart("b", { disk: "unmarked", skewSeconds: -3_600 });
    simulation.run(5_000);
    simulation.write("b", "life", "second");
    simulation.converge(30_000);
    for (const python of [p, q]) expect(python.read("b")?.get("life")).toBe("second");
    expect(seenBy(simulation, "a", "b", "life")).toBe("second");
    simulation.verify();
  });

  it("a Python peer that restarts is met again", () => {
    const { simulation, p } = mixed(seed);
    p.crash();
    simulation.run(12_000);
    expect(simulation.node("a").present()).not.toContain("p");
    const again = simulation.addPython("p", { join: ["b"] });
    simulation.run(1_000);
    again.write("life", "second");
    simulation.converge(GOSSIP_MS);
    expect(again.ghosts).toEqual([]);
    expect(again.disconnects).toEqual([]);
    simulation.verify();
  });

  it("30 % loss is survived", () => {
    const { simulation, p, q } = mixed(seed);
    simulation.network.lossRate = 0.3;
    writeAll(simulation, 60_000);
    simulation.network.heal();
    simulation.run(15_000);
    const before = [p, q].map((python) => python.ghosts.length + python.disconnects.length);
    simulation.converge(GOSSIP_MS);
    simulation.run(30_000);
    const after = [p, q].map((python) => python.ghosts.length + python.disconnects.length);
    expect(after).toEqual(before);
    simulation.verify();
  });
});

it("in a quiet mixed network our nodes send no more than the reference", () => {
  const { simulation } = mixed(4);
  for (const name of ["a", "b", "c"]) simulation.write(name, "k", name);
  simulation.run(60_000);
  const ticks = 100;
  const sent = sentDuring(simulation, "a", () => simulation.run(ticks * 3_000));
  expect(sent).toMatchObject({ PING: 4 * ticks, PEERS: ticks });
  expect(sent["UPDATE"]).toBeLessThanOrEqual(ticks);
  // Native peers prove once in 30 s that their answers are no recordings; Python ones get none.
  expect(sent["HELLO"]).toBeLessThanOrEqual((2 * ticks * 3_000) / 30_000);
});
