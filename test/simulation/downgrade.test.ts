import { describe, expect, it } from "vitest";
import { Simulation } from "../../src/testing/index.ts";
import { stripping } from "../../src/testing/stripper.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { sessionNetwork } from "./sessions.ts";
import { happyEnd, SOON_MS, seenBy, sentDuring } from "./stories.ts";

const MINUTE_MS = 60_000;
const WEAK = ["UPDATE", "PEERS", "DATA"];

function weakSent(simulation: Simulation): string[] {
  return [...simulation.carrier.sent.keys()].filter((counter) =>
    WEAK.some((message) => counter.endsWith(` ${message}`)),
  );
}

describe("Somebody who cuts the blocks off HELLOs", () => {
  it("keeps two nodes apart, and never makes them use the weaker wire", () => {
    const simulation = new Simulation({ seed: 1 });
    simulation.carrier.alter = stripping(simulation, 1);
    simulation.add("a", { sessions: true });
    simulation.add("b", { join: ["a"], sessions: true });
    simulation.write("a", "k", "secret");
    simulation.run(MINUTE_MS);
    expect(simulation.node("b").present()).toEqual([]);
    expect(weakSent(simulation)).toEqual([]);
    simulation.carrier.alter = undefined;
    happyEnd(simulation, 70_000);
    expect(weakSent(simulation)).toEqual([]);
  });

  it("harms nobody who has met: sessions need no HELLO", () => {
    const simulation = sessionNetwork(["a", "b", "c"]);
    simulation.carrier.alter = stripping(simulation, 1);
    simulation.crash("c");
    simulation.restart("c");
    for (let round = 0; round < 30; round += 1) {
      simulation.write("a", "k", String(round));
      simulation.run(1_000);
      expect(seenBy(simulation, "b", "a", "k")).toBe(String(round));
    }
    simulation.carrier.alter = undefined;
    happyEnd(simulation, 70_000);
    expect(weakSent(simulation)).toEqual([]);
  });
});

describe("A recording from before a node had sessions", () => {
  it("does not take it back to the weaker wire, although its clock was ahead then", () => {
    const simulation = new Simulation({ seed: 2 });
    const said: Uint8Array[] = [];
    simulation.carrier.tap = ({ type, payload, from }, reply) => {
      if (reply === undefined && type === MessageType.HELLO && from.name === "b")
        said.push(payload);
    };
    simulation.add("a", { join: ["b"], sessions: true });
    simulation.add("b", { join: ["a"], skewSeconds: 3_600 });
    simulation.converge(SOON_MS);
    const old = said.at(-1) ?? new Uint8Array();
    simulation.crash("b");
    simulation.restart("b", { sessions: true, skewSeconds: 0, disk: "unmarked" });
    simulation.converge(SOON_MS);
    simulation.restart("a");
    simulation.converge(SOON_MS);
    expect(simulation.node("a").core.member("b")?.native?.sessions).toBe(true);
    const { address, keyId } = simulation.node("b");
    const sent = sentDuring(simulation, "a", () => {
      for (let round = 0; round < 10; round += 1) {
        const call = { type: MessageType.HELLO, payload: old };
        simulation.carrier.deliver({ address, keyId }, simulation.node("a"), call, () => undefined);
        simulation.write("a", "k", String(round));
        simulation.run(3_000);
      }
    });
    for (const message of WEAK) expect(sent[message] ?? 0, message).toBe(0);
    expect(seenBy(simulation, "b", "a", "k")).toBe("9");
    happyEnd(simulation);
  });
});
