/** What a node's face needs of what runs it. */
import type { NodeCore } from "../protocol/index.ts";
import type { Emitter } from "./emitter.ts";
import type { DSNodeEvents } from "./events.ts";
import type { PeerInfo } from "./peer-info.ts";

/** What stands behind a face: a core that runs on something. */
export interface NodeBody {
  /** The core, for reading. @throws {DsnError} `DSN_STOPPED` before the start. */
  readonly core: NodeCore;
  /** What the node tells. */
  readonly events: Emitter<DSNodeEvents>;
  /** True from the moment that it is told to stop. */
  readonly stopped: boolean;
  /** Writes to its own state; `undefined` deletes a key. Keys and values have been checked. */
  write(changes: ReadonlyMap<string, string | undefined>): void;
  /** Sends bytes to one node; 0 ms is no limit. */
  send(to: string, data: Uint8Array, timeoutMs: number | undefined): Promise<void>;
  /** Forgets the pinned key of a node. */
  forgetIdentity(nodeId: string): void;
  /** What is known of every other node. */
  peerInfo(): PeerInfo[];
  /** For a listener: whether the event that it is told came after this call. */
  eventsFromNow(): () => boolean;
  /** A timer, on the clock that the node lives by. @returns The undo. */
  after(ms: number, run: () => void): () => void;
}
