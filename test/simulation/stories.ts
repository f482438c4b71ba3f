/** Words that the stories of this folder are told with. */
import { expect } from "vitest";
import { type SimNode, Simulation, type SimulationOptions } from "../../src/testing/index.ts";

/** How long nodes that run undisturbed may take to find and read each other. */
export const SOON_MS = 10_000;

/** A network of nodes that have all met; the first is the bootstrap node of the others. */
export function network(
  names: readonly string[],
  options: Partial<SimulationOptions> = {},
): Simulation {
  const simulation = new Simulation({ seed: 1, ...options });
  for (const name of names) simulation.add(name, { join: names.filter((one) => one !== name) });
  simulation.converge(SOON_MS);
  return simulation;
}

/** The address of a node, for cuts and firewalls. */
export function addresses(simulation: Simulation, ...names: string[]): string[] {
  return names.map((name) => simulation.addressOf(name));
}

/** Cuts one side off from the other, both ways. */
export function partition(
  simulation: Simulation,
  left: readonly string[],
  right: readonly string[],
): void {
  simulation.network.partition(addresses(simulation, ...left), addresses(simulation, ...right));
}

/** How a peer came and went at a node, in order: `["join", "leave", "join"]`. */
export function comings(node: SimNode, nodeId: string, sinceEvent = 0): string[] {
  return node.events.slice(sinceEvent).flatMap((event) => {
    if (event.name !== "peer:join" && event.name !== "peer:leave") return [];
    return event.member.nodeId === nodeId ? [event.name.slice("peer:".length)] : [];
  });
}

/** Codes of all warnings ever told, resolved or not. */
export function warned(node: SimNode): string[] {
  return node.events.flatMap((event) =>
    event.name === "warning" && !event.resolved ? [event.error.code] : [],
  );
}

/** What one node reads of a key of another. */
export function seenBy(simulation: Simulation, reader: string, owner: string, key: string) {
  return simulation.node(reader).read(owner)?.get(key);
}

/** Requests that a host sent while `act` ran, by message. */
export function sentDuring(simulation: Simulation, host: string, act: () => void) {
  const before = new Map(simulation.carrier.sent);
  act();
  const sent: Record<string, number> = {};
  for (const [counter, count] of simulation.carrier.sent) {
    const [name, message = ""] = counter.split(" ");
    if (name === host) sent[message] = count - (before.get(counter) ?? 0);
  }
  return sent;
}

/** The end of every story: promises kept, all agree. */
export function happyEnd(simulation: Simulation, withinMs = SOON_MS): number {
  const tookMs = simulation.converge(withinMs);
  simulation.run(9_000);
  expect(simulation.unconverged()).toEqual([]);
  simulation.verify();
  return tookMs;
}
