/** What a core tells the application, as plain data. */
import type { DsnError } from "../errors.ts";
import type { Address } from "../wire/exchange.ts";
import type { EntriesChange } from "./entries.ts";
import type { Member } from "./member.ts";

/**
 * How a node stands to us. `alive`, `busy`, `suspect`, `one-way` and `relayed` nodes are *present*:
 * listed and read.
 *
 * - `joining`: said HELLO, not yet reached.
 * - `alive`: answers us.
 * - `busy`: its program has answered nothing for a second or more, a worker of it says; it reads
 *   what is sent to it later.
 * - `suspect`: missed a probe, is being retried.
 * - `one-way`: it reaches us, we do not reach it.
 * - `relayed`: we do not reach it, others do and pass on its state.
 * - `refused`: a network key, whitelist, version or identity stands between us.
 * - `down`: gone without a word; retried for ever.
 * - `left`: stopped, and said so; tried again in case that it comes back.
 */
export type PeerStatus =
  | "joining"
  | "alive"
  | "busy"
  | "suspect"
  | "one-way"
  | "relayed"
  | "refused"
  | "down"
  | "left";

/** What happened that an application may want to hear of. */
export type CoreEvent =
  | { readonly name: "joined"; readonly through: Address }
  /** Every bootstrap node was tried once, and whom they named; joining goes on regardless. */
  | { readonly name: "first-round" }
  | { readonly name: "peer:join"; readonly member: Member; readonly rejoined: boolean }
  | { readonly name: "peer:leave"; readonly member: Member; readonly reason: DsnError | undefined }
  | { readonly name: "peer:status"; readonly member: Member; readonly before: PeerStatus }
  | {
      readonly name: "state:update";
      readonly owner: string;
      readonly change: EntriesChange;
      readonly version: number;
      readonly local: boolean;
    }
  | { readonly name: "data"; readonly from: string; readonly data: Uint8Array }
  /** Nobody is reached any more, or nobody was since the start. Told once, until the next. */
  | { readonly name: "isolated"; readonly reason: DsnError }
  /** Somebody is there again, after so many milliseconds. */
  | { readonly name: "connected"; readonly isolatedMs: number }
  | {
      readonly name: "warning";
      readonly error: DsnError;
      /** True when this ends a warning told before. */
      readonly resolved: boolean;
    };
