/**
 * The protocol core, for those who build their own node or simulator on it.
 *
 * Not covered by semantic versioning before 1.0.
 * @module distributed-state-network/protocol
 */

export type { ProvenPeer, Target } from "../wire/exchange.ts";
export type { HelloRole } from "../wire/hello-block.ts";
export type { Change } from "../wire/native-states.ts";
export type { AnyType, NativeType } from "../wire/native-type.ts";
export { NodeCore } from "./core.ts";
export type { CoreOptions } from "./core-options.ts";
export type { Entries, EntriesChange } from "./entries.ts";
export type { CoreEvent, PeerStatus } from "./event.ts";
export type { Effect, Input, Instant } from "./input.ts";
export {
  type FormerIncarnation,
  isPresent,
  type Member,
  type NativeFacts,
  type PythonReplica,
  type Replica,
  SESSION_FEATURE,
  type SignedHello,
} from "./member.ts";
export type { NativeReplica, Proof } from "./native-replica.ts";
export type { RememberedPeer } from "./peer-memory.ts";
export type { SyncState } from "./push-state.ts";
export { DEFAULT_SETTINGS, LIMITS, type Settings } from "./settings.ts";
export type { WhitelistEntry } from "./trust.ts";
