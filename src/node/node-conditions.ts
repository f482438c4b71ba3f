/**
 * What a program can wait for on a node: peers that are there, and keys that have a value.
 * @module
 */
import type { DSNodeEvents } from "./events.ts";
import type { NodeFace } from "./node-face.ts";
import type { PeerInfo } from "./peer-info.ts";
import { stoppedError } from "./stopped-error.ts";
import type { Condition } from "./waiting.ts";

/** That many other nodes, or all those named, are there. Its value is all that are there then. */
export function peersAreThere(
  face: NodeFace,
  wanted: number | readonly string[],
): Condition<PeerInfo[]> {
  // This node is there, too: peers() has it.
  const absent = (nodeIds: readonly string[], there: readonly string[]) =>
    nodeIds.filter((nodeId) => nodeId !== face.nodeId() && !there.includes(nodeId));
  const missing = () =>
    typeof wanted === "number"
      ? `${wanted} peers (${face.remotePeers().length} are there)`
      : `peers: ${absent(wanted, face.remotePeers()).join(", ")}`;
  const check = () => {
    const there = face.remotePeers();
    const isEnough =
      typeof wanted === "number" ? there.length >= wanted : absent(wanted, there).length === 0;
    if (!isEnough) return undefined;
    return face.peerInfo().filter(({ nodeId }) => there.includes(nodeId));
  };
  return conditionOf(face, ["peer:status"], { check, missing });
}

/** A key of a node has a value that `accept` likes. */
export function keyIsThere(
  face: NodeFace,
  nodeId: string,
  key: string,
  accept: (value: string) => boolean,
): Condition<string> {
  const check = () => {
    const value = face.readData(nodeId, key);
    return value !== undefined && accept(value) ? value : undefined;
  };
  const missing = () => {
    const value = face.readData(nodeId, key);
    return `"${key}" of "${nodeId}" (now ${value === undefined ? "not there" : JSON.stringify(value.slice(0, 64))})`;
  };
  return conditionOf(face, ["state:update", "state:local", "peer:status"], { check, missing });
}

/** Looks again at each event of these names, until the node stops. */
function conditionOf<T>(
  face: NodeFace,
  names: readonly (keyof DSNodeEvents)[],
  what: Pick<Condition<T>, "check" | "missing">,
): Condition<T> {
  const watch = (again: () => void) => {
    const undo = [...names, "close" as const].map((name) => face.on(name, again));
    return () => {
      for (const step of undo) step();
    };
  };
  const hopeless = () => (face.node.stopped ? stoppedError("wait any longer") : undefined);
  const after = (ms: number, run: () => void) => face.node.after(ms, run);
  return { ...what, watch, hopeless, after };
}
