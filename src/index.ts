/**
 * Distributed State Network: nodes that share state without a broker.
 *
 * Each node owns a small map of strings that only it may write; every other node holds a live copy
 * and reads it locally.
 *
 * @example
 * import { DSNodeServer } from "distributed-state-network";
 *
 * const node = await DSNodeServer.start({ nodeId: "a", port: 8000 });
 * node.updateData("status", "ready");
 * @module
 */

export type { SignatureEngine, SignatureScheme } from "./crypto/signatures.ts";
export {
  DsnError,
  type DsnErrorCode,
  type DsnErrorDetails,
  ERRORS,
  type ErrorFamily,
  ValueTypeError,
} from "./errors.ts";
export { DSNodeConfig, type DSNodeConfigInput } from "./node/config.ts";
export { DSNode, type DSNodeParts } from "./node/ds-node.ts";
export {
  type DisconnectCallback,
  DSNodeServer,
  type ReceiveCallback,
  type SendResult,
  type StartOptions,
  type UpdateCallback,
} from "./node/ds-node-server.ts";
export type { Listener } from "./node/emitter.ts";
export { Endpoint } from "./node/endpoint.ts";
export type { DataMessage, DSNodeEvents, State, StateChange, Warning } from "./node/events.ts";
export type { PeerInfo } from "./node/peer-info.ts";
export type { WaitOptions } from "./node/waiting.ts";
export type { WatchEvent, WatchOptions } from "./node/watch.ts";
export type { PeerStatus } from "./protocol/index.ts";
export type { CredentialStore, Credentials } from "./storage/credential-store.ts";
export { createFileCredentialStore } from "./storage/file-credential-store.ts";
export { createMemoryCredentialStore } from "./storage/memory-credential-store.ts";
export type { Carrier } from "./transport/carrier.ts";
export { MessageType, PROTOCOL_VERSION } from "./wire/message-type.ts";
