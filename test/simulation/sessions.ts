/** Words for stories about nodes that use sessions. */

import { type AddOptions, Simulation, type SimulationOptions } from "../../src/testing/index.ts";
import type { Reply } from "../../src/wire/exchange.ts";
import { encodeStates, type StateItem } from "../../src/wire/native-states.ts";
import { NativeType } from "../../src/wire/native-type.ts";
import { SOON_MS } from "./stories.ts";

/** A network of nodes with sessions that have all met. */
export function sessionNetwork(
  names: readonly string[],
  options: Partial<SimulationOptions> = {},
  all: AddOptions = {},
): Simulation {
  const simulation = new Simulation({ seed: 1, ...options });
  for (const name of names) {
    simulation.add(name, { join: names.filter((one) => one !== name), sessions: true, ...all });
  }
  simulation.converge(SOON_MS);
  return simulation;
}

/** One node says something to another on their session, whatever its core would say. */
export function say(
  simulation: Simulation,
  from: string,
  to: string,
  type: NativeType,
  payload: Uint8Array,
): { readonly reply: Reply | undefined } {
  const { nodeId, address, port, disk } = simulation.node(to);
  const peer = { nodeId, publicKey: disk.keyPair.publicKey };
  const said: { reply: Reply | undefined } = { reply: undefined };
  const call = { to: { address, port, peer }, type, payload, timeoutMs: 2_000 };
  simulation.sessions.request(simulation.node(from), call, (reply) => {
    said.reply = reply;
  });
  return said;
}

/** One node shows another states, which may be anybody's. */
export function show(simulation: Simulation, from: string, to: string, ...items: StateItem[]) {
  return say(simulation, from, to, NativeType.STATES, encodeStates(items));
}

/** Messages of sessions that arrive while `act` runs, as `a>b STATES`. */
export function heardDuring(simulation: Simulation, act: () => void): string[] {
  const heard: string[] = [];
  const before = simulation.sessions.tap;
  simulation.sessions.tap = ({ from, to, type }, reply) => {
    const name = Object.entries(NativeType).find(([, number]) => number === type)?.[0];
    if (reply === undefined) heard.push(`${from.name}>${to.name} ${name}`);
  };
  act();
  simulation.sessions.tap = before;
  return heard;
}
