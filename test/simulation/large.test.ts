/**
 * Networks in which each node keeps a session with a few others only: as with a thousand nodes, on
 * fewer rings and with fewer nodes.
 */
import { describe, expect, it } from "vitest";
import { placesOf } from "../../src/protocol/places.ts";
import { Simulation } from "../../src/testing/index.ts";
import { MessageType } from "../../src/wire/message-type.ts";
import { comings, partition, seenBy, sentDuring } from "./stories.ts";

const MINUTE_MS = 60_000;
const COUNT = 40;
const NAMES = Array.from({ length: COUNT }, (_, index) => `n${index}`);
const [FIRST = "", SECOND = ""] = NAMES;
const SETTINGS = { meshMax: 8, rings: 3 };

/** Started within a second, through the first of them. */
function started(seed: number, lossRate = 0.01): Simulation {
  const simulation = new Simulation({ seed, lossRate, settings: SETTINGS });
  for (const [index, name] of NAMES.entries()) {
    const join = index === 0 ? [] : [FIRST];
    simulation.clock.in((index * 1_000) / COUNT, () =>
      simulation.add(name, { join, sessions: true, datagrams: true }),
    );
  }
  simulation.run(1_100);
  return simulation;
}

function formed(seed: number, lossRate?: number): Simulation {
  const simulation = started(seed, lossRate);
  simulation.converge(20_000);
  simulation.run(5_000);
  return simulation;
}

const all = (simulation: Simulation, name: string) =>
  NAMES.filter((one) => one !== name).map((one) => simulation.node(one));

describe("A large network", () => {
  it.each([1, 2, 3])("forms in seconds from one bootstrap node, seed %i", (seed) => {
    const simulation = started(seed);
    expect(simulation.converge(20_000)).toBeLessThan(8_000);
    simulation.verify();
  });

  it("forms also when the bootstrap node dies after some have joined, and is back later", () => {
    const simulation = new Simulation({ seed: 4, settings: SETTINGS });
    for (const [index, name] of NAMES.entries()) {
      const join = index === 0 ? [] : [FIRST];
      simulation.clock.in(index * 20, () =>
        simulation.add(name, { join, sessions: true, datagrams: true }),
      );
    }
    simulation.run(300);
    simulation.crash(FIRST);
    simulation.run(5_000);
    simulation.restart(FIRST, { join: [SECOND] });
    expect(simulation.converge(20_000)).toBeLessThan(15_000);
    simulation.verify();
  });

  it("passes a write on to everybody within a second, and each node sends few messages for it", () => {
    const simulation = formed(5);
    for (let round = 0; round < 10; round += 1) {
      const writer = NAMES[round * 3] ?? FIRST;
      const sent = sentDuring(simulation, writer, () => {
        simulation.write(writer, "k", `v${round}`);
        const isEverywhere = () =>
          all(simulation, writer).every((node) => node.read(writer)?.get("k") === `v${round}`);
        expect(simulation.runUntil(isEverywhere, 2_000)).toBeLessThan(1_000);
        simulation.run(500);
      });
      const { ["STATES"]: states = 0, ["OFFER"]: offers = 0 } = sent;
      // Six links, each with a version, a proof and an offer; what joiners still owe each other.
      expect(states + offers).toBeLessThanOrEqual(24);
    }
    simulation.verify();
  });

  it("brings a message to anybody, neighbour or not", () => {
    const simulation = formed(6);
    let failed = 0;
    for (const to of NAMES.slice(1)) {
      simulation.send(FIRST, to, new Uint8Array([7]), (error) => {
        if (error !== undefined) failed += 1;
      });
    }
    simulation.run(10_000);
    expect(failed).toBe(0);
    for (const node of all(simulation, FIRST)) {
      const got = node.events.filter(({ name }) => name === "data");
      expect(got.length, node.name).toBe(1);
    }
    simulation.verify();
  });

  it("knows of a silent death within five seconds, and gives up nobody else", () => {
    const simulation = formed(7);
    simulation.closesConnections = false;
    simulation.pause("n13");
    const isKnown = () =>
      all(simulation, "n13").every(({ core }) => core.member("n13")?.status === "down");
    expect(simulation.runUntil(isKnown, 10_000)).toBeLessThan(5_000);
    simulation.run(30_000);
    for (const node of all(simulation, "n13")) {
      for (const other of NAMES) {
        if (other !== "n13") expect(comings(node, other)).not.toContain("leave");
      }
    }
  });

  it("hears a goodbye everywhere at once", () => {
    const simulation = formed(8);
    simulation.leave("n20");
    const isKnown = () =>
      all(simulation, "n20").every(({ core }) => core.member("n20")?.status === "left");
    expect(simulation.runUntil(isKnown, 5_000)).toBeLessThan(1_000);
  });

  it("takes back a node that starts again, with its newest state, within seconds", () => {
    const simulation = formed(9);
    simulation.crash("n9");
    simulation.run(8_000);
    simulation.restart("n9");
    simulation.write("n9", "k", "again");
    const isBack = () =>
      all(simulation, "n9").every(({ name }) => seenBy(simulation, name, "n9", "k") === "again");
    expect(simulation.runUntil(isBack, 20_000)).toBeLessThan(5_000);
    simulation.verify();
  });

  it("merges after a partition, with one leave and one join for each pair", () => {
    const simulation = formed(10, 0);
    const [left, right] = [NAMES.slice(0, COUNT / 2), NAMES.slice(COUNT / 2)];
    partition(simulation, left, right);
    simulation.run(20_000);
    for (const side of [left, right]) {
      for (const name of side) expect(simulation.node(name).present().length).toBe(COUNT / 2 - 1);
    }
    simulation.write(FIRST, "k", "left");
    simulation.network.heal();
    expect(simulation.converge(30_000)).toBeLessThan(5_000);
    for (const name of left) {
      for (const other of right) {
        expect(comings(simulation.node(name), other)).toEqual(["join", "leave", "join"]);
      }
    }
    simulation.verify();
  });

  it("reaches again whom others alone reached, neighbours or not", () => {
    const simulation = formed(12, 0);
    const lost = NAMES.slice(5, 15);
    const statuses = () => lost.map((name) => simulation.node(FIRST).core.member(name)?.status);
    partition(simulation, [FIRST], lost);
    const isLost = () => statuses().every((status) => status === "relayed");
    expect(simulation.runUntil(isLost, 60_000)).toBeDefined();
    simulation.network.heal();
    const isBack = () => statuses().every((status) => status === "alive");
    expect(simulation.runUntil(isBack, 60_000)).toBeLessThan(15_000);
    simulation.verify();
  });

  it("asks others for a few in a tick, however many they alone reach, and gives up nobody", () => {
    const simulation = formed(16, 0);
    const lost = NAMES.slice(5, 35);
    const statuses = () => lost.map((name) => simulation.node(FIRST).core.member(name)?.status);
    partition(simulation, [FIRST], lost);
    const isLost = () => statuses().every((status) => status === "relayed");
    expect(simulation.runUntil(isLost, 180_000)).toBeDefined();
    simulation.run(10_000);
    const ticks = 20;
    const sent = sentDuring(simulation, FIRST, () => simulation.run(ticks * 3_000));
    // Three are asked for each.
    expect(sent["RELAY"]).toBeLessThanOrEqual((ticks + 1) * 3 * SETTINGS.meshMax);
    expect(new Set(statuses())).toEqual(new Set(["relayed"]));
    for (const name of lost) simulation.pause(name);
    const isGone = () => statuses().every((status) => status === "down");
    expect(simulation.runUntil(isGone, 120_000)).toBeDefined();
  });

  it("that has settled keeps few sessions, and compares once a tick", () => {
    const simulation = new Simulation({ seed: 13, lossRate: 0.01, settings: { meshMax: 24 } });
    const names = Array.from({ length: 48 }, (_, index) => `n${index}`);
    for (const [index, name] of names.entries()) {
      const join = index === 0 ? [] : [FIRST];
      simulation.clock.in(20 * index, () =>
        simulation.add(name, { join, sessions: true, datagrams: true }),
      );
    }
    simulation.run(1_000);
    simulation.converge(20_000);
    simulation.run(10_000);
    const digests = () => simulation.traffic.byKind().get("frame DIGEST")?.count ?? 0;
    const before = digests();
    simulation.run(MINUTE_MS);
    expect((digests() - before) / names.length).toBeLessThan(25);
    // Ten to neighbours, and those of the last minute that were for one message.
    for (const node of simulation.nodes.values()) {
      expect(simulation.sessions.inUse(node, MINUTE_MS), node.name).toBeLessThanOrEqual(20);
      // Those to neighbours are kept also while nothing is said on them.
      const kept = names.filter((name) => node.core.keepsSession(name));
      expect(kept.length, node.name).toBeGreaterThanOrEqual(5);
      expect(kept.length, node.name).toBeLessThanOrEqual(10);
    }
    simulation.verify();
  });

  it("one of which wakes greets few at once, and none leaves for it", () => {
    const simulation = formed(14, 0);
    simulation.pause("n13");
    simulation.run(20_000);
    const others = all(simulation, "n13");
    let hellos = 0;
    for (const node of others) {
      const receive = node.receive.bind(node);
      node.receive = (request, respond) => {
        const isHello = request.type === MessageType.HELLO;
        if (isHello && request.from === simulation.addressOf("n13")) hellos += 1;
        receive(request, respond);
      };
    }
    simulation.resume("n13");
    simulation.run(3_000);
    // Its six neighbours, some of them once more, and a look at a few others.
    expect(hellos).toBeGreaterThan(0);
    expect(hellos).toBeLessThanOrEqual(16);
    simulation.converge(10_000);
    for (const { name } of others) expect(comings(simulation.node("n13"), name)).toEqual(["join"]);
    simulation.verify();
  });

  it("becomes one of few again when most leave: all talk to all", () => {
    const simulation = formed(11);
    for (const name of NAMES.slice(4)) simulation.leave(name);
    simulation.run(60_000);
    simulation.write(FIRST, "k", "few");
    simulation.converge(10_000);
    for (const name of NAMES.slice(0, 4)) {
      const { core } = simulation.node(name);
      const met = core.members().filter(({ sync, status }) => status === "alive" && sync.held);
      expect(met.length).toBe(3);
    }
    simulation.verify();
  });

  it("that has become one of few takes back who went before, although none of its neighbours is left", () => {
    const simulation = new Simulation({ seed: 15, settings: { meshMax: 8, rings: 1 } });
    const names = NAMES.slice(0, 12);
    for (const [index, name] of names.entries()) {
      const join = index === 0 ? [] : [FIRST];
      simulation.add(name, { join, sessions: true, datagrams: true });
    }
    simulation.run(1_000);
    simulation.converge(20_000);
    // Nobody has its address, and it has nobody's.
    const place = (name: string) => placesOf(name).rings[0] ?? 0;
    const around = names.slice(1).sort((a, b) => place(a) - place(b));
    const [gone = "", ...others] = [...around.slice(5), ...around.slice(0, 5)];
    simulation.crash(gone);
    simulation.run(20_000);
    const nearest = [...others.slice(0, 3), ...others.slice(-3)];
    for (const name of nearest) simulation.leave(name);
    simulation.run(20_000);
    simulation.node(gone).disk.peers = [];
    simulation.restart(gone, { join: [] });
    expect(simulation.converge(60_000)).toBeLessThan(15_000);
    simulation.verify();
  });
});
