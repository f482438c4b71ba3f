/**
 * The parts that a node runs on unless it is given others: files, HTTP, perhaps datagrams.
 * @module
 */
import type { Server } from "node:http";
import { createNetworkSeal } from "../crypto/aes-cbc-seal.ts";
import { parseNetworkKey } from "../crypto/network-key.ts";
import { loadSignatureEngine } from "../crypto/signatures.ts";
import type { DsnError } from "../errors.ts";
import { createFileCredentialStore } from "../storage/file-credential-store.ts";
import { createFilePeerCache } from "../storage/file-peer-cache.ts";
import type { Address } from "../transport/carrier.ts";
import { createDatagramsFirst } from "../transport/datagrams-first.ts";
import { createHttpCarrier } from "../transport/http-carrier.ts";
import { SessionCarrier } from "../transport/session-carrier.ts";
import { createSessionsFirst } from "../transport/sessions-first.ts";
import { UdpCarrier } from "../transport/udp-carrier.ts";
import { createThreadOpener } from "../transport/udp-thread.ts";
import type { DSNodeConfig } from "./config.ts";
import type { DSNodeParts } from "./ds-node-parts.ts";

/** What a carrier has to tell besides requests and replies. */
export interface CarrierNotices {
  readonly onDatagrams: (to: Address, pass: boolean) => void;
  readonly onUnavailable: (error: DsnError) => void;
  readonly onWorkerLost: (error: DsnError) => void;
}

export function buildParts(
  config: DSNodeConfig,
  given: Partial<DSNodeParts>,
  notices: CarrierNotices,
): { parts: DSNodeParts; httpServer: Server | undefined } {
  const engine = given.engine ?? loadSignatureEngine();
  const { credentialDir: directory, nodeId, aesKey } = config;
  const store = given.store ?? createFileCredentialStore({ directory, nodeId, engine });
  // Who keeps the keys elsewhere wants nothing on this disk.
  const isOnDisk = given.store === undefined && config.peerCache;
  const peers = given.peers ?? (isOnDisk ? createFilePeerCache({ directory, nodeId }) : undefined);
  const kept = { ...given, engine, store, peers };
  if (given.carrier !== undefined) {
    return { parts: { ...kept, carrier: given.carrier }, httpServer: undefined };
  }
  const networkKey = aesKey === undefined ? undefined : parseNetworkKey(aesKey);
  const http = createHttpCarrier({ seal: createNetworkSeal(networkKey) });
  const base = config.udp
    ? createDatagramsFirst({ http, udp: createUdp(config.thread, networkKey, notices), ...notices })
    : http;
  const sessions = new SessionCarrier({ networkKey });
  const carrier = createSessionsFirst({ base, http, sessions });
  const parts = { ...kept, carrier };
  return { parts, httpServer: http.httpServer };
}

function createUdp(
  thread: boolean,
  networkKey: Uint8Array | undefined,
  { onWorkerLost }: CarrierNotices,
): UdpCarrier {
  const open = thread ? createThreadOpener({ networkKey, onLost: onWorkerLost }) : undefined;
  return new UdpCarrier({ networkKey, open });
}
