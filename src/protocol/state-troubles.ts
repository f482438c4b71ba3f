/** What is wrong with states that others show us, in words. */
import { DsnError } from "../errors.ts";

export function forgedState(nodeId: string): DsnError {
  return new DsnError("DSN_BAD_SIGNATURE", `Cannot take the state that "${nodeId}" answered with`, {
    why: "its signature does not belong to the key pinned for that node",
    fix: ["look for a third party between the two machines", "restart that node"],
    nodeId,
  });
}

/** On a session nobody else can have shown it: it is held against the one who did. */
export function forgedByOther(from: string, owner: string): DsnError {
  return new DsnError("DSN_BAD_SIGNATURE", `Cannot take a state of "${owner}" from "${from}"`, {
    why: `"${owner}" has not signed what "${from}" shows as its state`,
    fix: [`see what runs as "${from}", and update it if it is older than this node`],
    nodeId: from,
  });
}

export function unproven(nodeId: string): DsnError {
  return new DsnError("DSN_BAD_SIGNATURE", `"${nodeId}" did not sign the state that it sent`, {
    why: "its signature is not over the entries that came; they were taken back",
    fix: ["restart that node, and update it if it is older than this one"],
    nodeId,
  });
}

export function forkedState(nodeId: string): DsnError {
  return new DsnError("DSN_DUPLICATE_IDENTITY", `Two live nodes use the identity of "${nodeId}"`, {
    why: "two different states of one version carry its signature",
    fix: [
      "stop one of them",
      "give a cloned machine a new identity: delete its credentials folder",
    ],
    nodeId,
  });
}

export function tooLarge(nodeId: string, bytesMax: number): DsnError {
  return new DsnError("DSN_PEER_LIMIT", `Cannot hold the new state of "${nodeId}"`, {
    why: `it is larger than a state may be, ${bytesMax} bytes`,
    fix: ["update that node: it should have refused to write so much"],
    nodeId,
  });
}

export function replicasFull(nodeId: string, bytesMax: number): DsnError {
  return new DsnError("DSN_PEER_LIMIT", `Cannot hold the new state of "${nodeId}"`, {
    why: `all copies together may take ${bytesMax} bytes of memory`,
    fix: [
      "find the node that publishes too much",
      "give the process more memory: node --max-old-space-size",
    ],
    nodeId,
  });
}
