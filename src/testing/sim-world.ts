/** What a simulated node is made of, and what it asks of the simulation around it. */
import type { KeyPair } from "../crypto/identity.ts";
import type { SignatureEngine } from "../crypto/signatures.ts";
import type { DsnError } from "../errors.ts";
import type { CoreEvent, Effect, Input, RememberedPeer, Settings } from "../protocol/index.ts";
import type { NodeDatagrams } from "./sim-datagrams.ts";
import type { SimNode } from "./sim-node.ts";

/** What survives a crash, unless the disk is lost. */
export interface SimDisk {
  /** The identity. */
  keyPair: KeyPair;
  /** Keys of peers, by id. */
  readonly pins: Map<string, Uint8Array>;
  /** The version that a restarted node steps above, Unix seconds. */
  mark: number | undefined;
  /** Peers that use sessions. */
  readonly natives: Set<string>;
  /** Whom it looks for when it starts again. */
  peers: readonly RememberedPeer[];
}

/** What a node asks of the simulation around it. */
export interface SimWorld {
  readonly settings: Partial<Settings>;
  /** Nodes remember all that they told. */
  readonly keepsRecords: boolean;
  readonly engine: SignatureEngine;
  readonly random: () => number;
  readonly entropy: (length: number) => Uint8Array;
  readonly nowMs: () => number;
  /** Brings a result back to the node as a later input. */
  readonly later: (node: SimNode, input: Input) => void;
  readonly endSession: (node: SimNode, nodeId: string) => void;
  readonly transmit: (node: SimNode, effect: Extract<Effect, { kind: "request" }>) => void;
  readonly wakeAt: (node: SimNode, atMs: number | undefined) => void;
  /** The node signs: from now on the message is something that its owner said. */
  readonly signing: (node: SimNode, message: Uint8Array) => void;
  readonly told: (node: SimNode, event: CoreEvent) => void;
  readonly stepped: (node: SimNode, input: Input) => void;
  /** The node has said goodbye. */
  readonly left: (node: SimNode) => void;
  readonly settled: (node: SimNode, operation: number, error: DsnError | undefined) => void;
}

export interface SimNodeOptions {
  readonly name: string;
  readonly nodeId: string;
  readonly address: string;
  readonly port: number;
  readonly disk: SimDisk;
  readonly keyId: string | undefined;
  readonly whitelist: readonly string[];
  /** Added to the wall clock, in seconds. */
  readonly skewSeconds: number;
  /** Its side of UDP, if it has one. */
  readonly datagrams: ((node: SimNode) => NodeDatagrams) | undefined;
  /** It takes and begins sessions. */
  readonly sessions: boolean;
  /** A worker has its UDP socket, and answers while the program is busy. */
  readonly thread: boolean;
}
