/**
 * Distributed State Network: nodes that share state without a broker.
 *
 * Each node owns a small map of strings that only it may write; every other node holds a live copy
 * and reads it locally.
 *
 * Most programs need {@link DSNodeServer} and its events, {@link DSNodeEvents}. What can go wrong
 * stands in {@link ERRORS}. {@link Carrier}, {@link CredentialStore}, {@link SignatureEngine} and
 * what belongs to them are for those who replace parts of a node.
 *
 * @example
 * import { DSNodeServer } from "distributed-state-network";
 *
 * const node = await DSNodeServer.start({ nodeId: "a", port: 8000 });
 * node.updateData("status", "ready");
 * @module distributed-state-network
 */

export type { KeyPair, KeyRules } from "./crypto/identity.ts";
export type { RandomBytes } from "./crypto/random-pool.ts";
export {
  loadSignatureEngine,
  type SignatureEngine,
  type SignatureScheme,
} from "./crypto/signatures.ts";
export {
  DsnError,
  type DsnErrorCode,
  type DsnErrorDetails,
  ERRORS,
  type ErrorEntry,
  type ErrorFamily,
  type ErrorPlace,
  ValueTypeError,
} from "./errors.ts";
export { DSNodeConfig, type DSNodeConfigInput } from "./node/config.ts";
export { DSNode } from "./node/ds-node.ts";
export type { DSNodeParts } from "./node/ds-node-parts.ts";
export { DSNodeServer, type StartOptions } from "./node/ds-node-server.ts";
export type { Emitter, Listener } from "./node/emitter.ts";
export { Endpoint } from "./node/endpoint.ts";
export type { DataMessage, DSNodeEvents, State, StateChange, Warning } from "./node/events.ts";
export type { NodeBody } from "./node/node-body.ts";
export type {
  DisconnectCallback,
  NodeCallbacks,
  ReceiveCallback,
  UpdateCallback,
} from "./node/node-callbacks.ts";
export { NodeFace } from "./node/node-face.ts";
export type { PeerInfo } from "./node/peer-info.ts";
export type { SendResult } from "./node/sending.ts";
export type { WaitOptions } from "./node/waiting.ts";
export type { WatchEvent, WatchOptions } from "./node/watch.ts";
export type { PeerStatus } from "./protocol/index.ts";
export type {
  CredentialStore,
  Credentials,
  SkippedCredential,
} from "./storage/credential-store.ts";
export {
  createFileCredentialStore,
  type FileCredentialStoreOptions,
} from "./storage/file-credential-store.ts";
export { createFilePeerCache, type FilePeerCacheOptions } from "./storage/file-peer-cache.ts";
export {
  createMemoryCredentialStore,
  type MemoryCredentialStoreOptions,
} from "./storage/memory-credential-store.ts";
export { createMemoryPeerCache } from "./storage/memory-peer-cache.ts";
export type { CachedPeer, CachedPeers, PeerCache } from "./storage/peer-cache.ts";
export type {
  Address,
  Carrier,
  CarrierListener,
  FailureReason,
  InboundRequest,
  Message,
  Outcome,
  ProvenPeer,
  Reply,
  RequestHandler,
  RequestOptions,
  Target,
} from "./transport/carrier.ts";
export type { AdmissionRefusal, SessionIdentity } from "./transport/session-identity.ts";
export { MessageType, PROTOCOL_VERSION } from "./wire/message-type.ts";
export { type AnyType, NativeType } from "./wire/native-type.ts";
