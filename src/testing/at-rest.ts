/**
 * What must hold once the faults have ended and all agree, beside the promises: nothing is left
 * over, and nobody was harmed for good.
 * @module
 */
import type { SimNode } from "./sim-node.ts";
import type { Simulation } from "./simulation.ts";

/** Timers per member at rest: probe, pursuit, tick, bootstrap. */
const TIMERS_PER_MEMBER_MAX = 6;
/** Of the nodes that a liar makes up, those that a node knows at once: they come faster than they go. */
const INVENTED_KNOWN_MAX = 150;

/** What is said of two states of one version. */
const FORKED = "two different states of one version carry its signature";

/** While links are good, no Python peer lists a ghost or is told of a false disconnect. */
export function checkPythons(
  simulation: Simulation,
  sinceMs: number,
  dead: readonly string[],
): void {
  for (const { name, ghosts, disconnects } of simulation.pythons.values()) {
    const wrong = [...ghosts, ...disconnects].filter(
      ({ nodeId, atMs }) => atMs > sinceMs && !dead.includes(nodeId),
    );
    if (wrong.length === 0) continue;
    const which = wrong.map(({ nodeId, atMs }) => `${nodeId} at ${Math.round(atMs)} ms`).join();
    throw new Error(`seed ${simulation.seed}: ${name} was made to disconnect ${which}`);
  }
}

/** Nothing piles up: at rest a node waits for little. */
export function checkRest(simulation: Simulation): void {
  for (const node of simulation.running()) {
    checkDatagramsAtRest(simulation, node);
    const { replies, operations, timers } = node.core.pending;
    const members = node.core.members().length + 2;
    const many = `${node.name} at rest waits for ${replies} replies, ${operations} signatures, ${timers} timers, ${node.unanswered} requests with ${members} members`;
    const tooMany =
      replies > 4 * members ||
      operations > members ||
      node.unanswered > members ||
      timers > TIMERS_PER_MEMBER_MAX * members;
    if (tooMany) throw new Error(`seed ${simulation.seed}: ${many}`);
  }
}

/**
 * What others make up does not fill the table; nobody honest is taken for a twin of itself.
 *
 * @param unmarked Nodes that lost their mark: with a clock that was set back they may sign two states
 *   of one version.
 */
export function checkNames(
  { seed, nodes, invented }: Simulation,
  running: readonly SimNode[],
  unmarked: ReadonlySet<string>,
): void {
  for (const node of running) {
    const made = node.core.members().filter(({ nodeId }) => invented.has(nodeId)).length;
    if (made > INVENTED_KNOWN_MAX)
      throw new Error(
        `seed ${seed}: ${node.name} knows ${made} nodes that were made up, of ${invented.size}`,
      );
    for (const event of node.events) {
      if (event.name !== "warning" || event.resolved) continue;
      const { code, nodeId = "", message } = event.error;
      if (code !== "DSN_DUPLICATE_IDENTITY" || !nodes.has(nodeId) || nodeId === "liar") continue;
      // After a clock was set back, recordings of its own old process look like one that lives.
      if (nodeId === node.nodeId) continue;
      if (unmarked.has(nodeId) && event.error.why === FORKED) continue;
      throw new Error(`seed ${seed}: ${node.name} says of ${nodeId}: ${message}`);
    }
  }
}

/** One way to each peer, and what others began with us since their last start. */
function checkDatagramsAtRest({ seed, nodes }: Simulation, { name, datagrams }: SimNode): void {
  if (datagrams === undefined) return;
  const { requests, expected } = datagrams.load;
  if (requests <= nodes.size && expected <= 2 * nodes.size) return;
  throw new Error(
    `seed ${seed}: ${name} at rest answers ${requests} datagrams and expects some from ${expected}`,
  );
}
