import { describe, expect, it } from "vitest";
import { fingerprint } from "../../src/crypto/identity.ts";
import { Simulation } from "../../src/testing/index.ts";
import { happyEnd, SOON_MS, seenBy, sentDuring, warned } from "./stories.ts";

/** HELLOs by which one peer proves, once in half a minute, that its answers are no recordings. */
const PROOFS_A_MINUTE = 2;

describe("Joining", () => {
  it("two nodes that name each other meet, whichever starts first", () => {
    for (const [first, second] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      const simulation = new Simulation({ seed: 1 });
      simulation.add(first, { join: [second] });
      simulation.run(2_000);
      simulation.add(second, { join: [first] });
      simulation.write(second, "here", "yes");
      happyEnd(simulation);
      expect(seenBy(simulation, first, second, "here")).toBe("yes");
    }
  });

  it("five nodes in a chain all find each other", () => {
    const simulation = new Simulation({ seed: 2 });
    const names = ["a", "b", "c", "d", "e"];
    for (const [index, name] of names.entries()) {
      simulation.add(name, { join: names.slice(index + 1, index + 2) });
    }
    happyEnd(simulation);
  });

  it("D16: a bootstrap node that appears after a minute is found, and the warning ends", () => {
    const simulation = new Simulation({ seed: 3 });
    const node = simulation.add("early", { join: ["late"] });
    simulation.run(60_000);
    expect(node.warnings()).toContain("DSN_NO_BOOTSTRAP");
    expect(node.events.some(({ name }) => name === "first-round")).toBe(true);
    simulation.add("late");
    const tookMs = happyEnd(simulation);
    expect(tookMs).toBeLessThan(SOON_MS);
    expect(node.warnings()).toEqual([]);
  });

  it("one of two bootstrap nodes is enough", () => {
    const simulation = new Simulation({ seed: 4 });
    simulation.add("a");
    const node = simulation.add("b", { join: ["nobody", "a"] });
    happyEnd(simulation);
    simulation.run(60_000);
    expect(node.warnings()).toEqual([]);
  });

  it("a node that names itself as bootstrap node neither warns nor keeps calling itself", () => {
    const simulation = new Simulation({ seed: 5 });
    const node = simulation.add("a", { join: ["a", "b"] });
    simulation.add("b", { join: ["a", "b"] });
    happyEnd(simulation);
    expect(warned(node)).toEqual([]);
    const sent = sentDuring(simulation, "a", () => simulation.run(60_000));
    expect(sent["HELLO"]).toBeLessThanOrEqual(PROOFS_A_MINUTE);
  });

  it("a bootstrap node known by name is not greeted again and again", () => {
    const simulation = new Simulation({ seed: 6 });
    simulation.add("b");
    simulation.add("a", { join: ["b.sim"] });
    // It called us first, so it is known by number.
    simulation.add("c", { join: ["a"] });
    simulation.restart("a", { join: ["b.sim", "c.sim"] });
    happyEnd(simulation, 20_000);
    const sent = sentDuring(simulation, "a", () => simulation.run(60_000));
    expect(sent["HELLO"]).toBeLessThanOrEqual(2 * PROOFS_A_MINUTE);
  });

  it("nodes of different network keys never list each other, and both sides say why", () => {
    const simulation = new Simulation({ seed: 7 });
    const ours = simulation.add("ours", { key: "one" });
    const theirs = simulation.add("theirs", { key: "two", join: ["ours"] });
    const open = simulation.add("open", { join: ["ours"] });
    simulation.run(30_000);
    for (const node of [ours, theirs, open]) expect(node.present()).toEqual([]);
    expect(ours.warnings()).toContain("DSN_KEY_STRANGER");
    expect(theirs.warnings()).toContain("DSN_NO_BOOTSTRAP");
    const told = theirs.events.find((event) => event.name === "warning");
    expect(told?.name === "warning" && told.error.why).toContain("DSN_KEY_REFUSED");
    simulation.verify();
  });

  it("a whitelist keeps out who is not on it, by id and by fingerprint", () => {
    const simulation = new Simulation({ seed: 8 });
    const friend = simulation.add("friend");
    const print = fingerprint(friend.disk.keyPair.publicKey);
    const keeper = simulation.add("keeper", {
      whitelist: [`friend=${print}`, `double=${print}`, "open"],
      join: ["friend"],
    });
    for (const name of ["stranger", "double", "open"]) {
      simulation.add(name, { join: ["keeper", "friend"] });
    }
    simulation.run(30_000);
    expect(keeper.present().sort()).toEqual(["friend", "open"]);
    expect(simulation.node("stranger").present()).not.toContain("keeper");
    // The others see each other all the same.
    expect(simulation.node("stranger").present().sort()).toEqual(["double", "friend", "open"]);
    simulation.verify();
  });

  it("two clones of one identity are reported, on both sides", () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const simulation = new Simulation({ seed });
      simulation.add("b");
      simulation.add("a", { join: ["b"] });
      simulation.run(SOON_MS);
      simulation.add("clone", { cloneOf: "a", join: ["b"] });
      for (let round = 0; round < 30; round += 1) {
        simulation.write("a", "from", `original ${round}`);
        simulation.write("clone", "from", `clone ${round}`);
        simulation.run(4_000);
      }
      for (const name of ["a", "clone"])
        expect(warned(simulation.node(name)), `${name}, seed ${seed}`).toContain(
          "DSN_DUPLICATE_IDENTITY",
        );
      expect(simulation.node("b").faults).toEqual([]);
    }
  });

  it("a clone that calls the original is reported on both sides at once", () => {
    const simulation = new Simulation({ seed: 1 });
    simulation.add("a");
    simulation.run(1_000);
    simulation.add("clone", { cloneOf: "a", join: ["a"] });
    simulation.run(5_000);
    for (const name of ["a", "clone"])
      expect(warned(simulation.node(name)), name).toContain("DSN_DUPLICATE_IDENTITY");
  });

  it("another node of our id is told so, whichever was first", () => {
    const simulation = new Simulation({ seed: 1 });
    simulation.add("a");
    simulation.add("b", { join: ["a"] });
    simulation.run(5_000);
    const second = simulation.add("impostor", { nodeId: "a", join: ["b"] });
    simulation.run(10_000);
    expect(second.present()).toEqual([]);
    expect(second.warnings()).toContain("DSN_NO_BOOTSTRAP");
    expect(simulation.node("b").warnings()).toContain("DSN_PEER_IDENTITY_CHANGED");
    simulation.verify();
  });
});
