/**
 * The `session` carrier as the contract and other tests see it: with a port of HTTP, and an
 * identity.
 * @module
 */
import { randomBytes } from "node:crypto";
import { createAesCbcSeal, createPlainSeal } from "../../src/crypto/aes-cbc-seal.ts";
import { generateKeyPair } from "../../src/crypto/identity.ts";
import { loadSignatureEngine } from "../../src/crypto/signatures.ts";
import type {
  Address,
  Carrier,
  CarrierListener,
  Message,
  ProvenPeer,
  Reply,
  RequestOptions,
} from "../../src/transport/carrier.ts";
import { createHttpCarrier, type HttpCarrier } from "../../src/transport/http-carrier.ts";
import type { CarrierLimits, SessionLimits } from "../../src/transport/limits.ts";
import { SessionCarrier, type SessionIdentity } from "../../src/transport/session-carrier.ts";
import type { AnyType } from "../../src/wire/native-type.ts";

const engine = loadSignatureEngine();

/** A new identity that lets everybody in. */
export function createIdentity(
  nodeId: string,
  more: Partial<SessionIdentity> = {},
): SessionIdentity {
  const { privateKey, publicKey } = generateKeyPair(engine, randomBytes);
  return {
    nodeId,
    publicKey,
    incarnation: randomBytes(16),
    features: [],
    sign: (message) => engine.sign(privateKey, "native", message, randomBytes(32)),
    verify: (key, message, signature) => engine.verify(key, "native", message, signature),
    admit: () => undefined,
    keeps: () => false,
    ...more,
  };
}

export interface SessionNodeOptions {
  readonly networkKey?: Uint8Array | undefined;
  readonly identity?: SessionIdentity;
  readonly limits?: Partial<SessionLimits> | undefined;
  readonly httpLimits?: Partial<CarrierLimits>;
}

let created = 0;

/** A port of HTTP with sessions behind it. */
export class SessionNode {
  readonly identity: SessionIdentity;
  readonly http: HttpCarrier;
  readonly session: SessionCarrier;
  at: Address = { address: "", port: 0 };

  constructor(options: SessionNodeOptions = {}) {
    const { networkKey, limits, httpLimits } = options;
    const seal = networkKey === undefined ? createPlainSeal() : createAesCbcSeal(networkKey);
    this.identity = options.identity ?? createIdentity(`node-${++created}`);
    this.http = createHttpCarrier({ seal, limits: httpLimits });
    this.session = new SessionCarrier({ networkKey, limits });
    this.session.identify(this.identity);
  }

  async listen(at: Address, listener: CarrierListener<AnyType>): Promise<Address> {
    this.session.attach(this.http.httpServer, listener, (connection) =>
      this.http.proven(connection),
    );
    this.at = await this.http.listen(at, { onRequest: () => undefined });
    return this.at;
  }

  async close(): Promise<void> {
    await this.session.close();
    await this.http.close();
  }
}

/** Where nodes of these rows listen, by their ids: the contract goes by addresses. */
const addresses = new Map<string, Address>();

export function createSessionCarrier(networkKey: Uint8Array | undefined): Carrier {
  return new ContractCarrier(networkKey);
}

class ContractCarrier implements Carrier {
  readonly name = "session";
  readonly #node: SessionNode;

  constructor(networkKey: Uint8Array | undefined) {
    this.#node = new SessionNode({ networkKey });
  }

  async listen(at: Address, listener: CarrierListener): Promise<Address> {
    const onSessionLost = ({ nodeId }: ProvenPeer) => {
      const address = addresses.get(nodeId);
      if (address !== undefined) listener.onConnectionLost?.(address);
    };
    // The contract asks nothing but what HTTP carries as well.
    const wide = { ...listener, onSessionLost } as CarrierListener<AnyType>;
    const bound = await this.#node.listen(at, wide);
    addresses.set(this.#node.identity.nodeId, bound);
    return bound;
  }

  request(to: Address, message: Message, options: RequestOptions): Promise<Reply> {
    return this.#node.session.request(to, message, options);
  }

  broadcast(
    to: readonly Address[],
    message: Message,
    options: RequestOptions,
    onReply: (index: number, reply: Reply) => void,
  ): void {
    this.#node.session.broadcast(to, message, options, onReply);
  }

  close(): Promise<void> {
    return this.#node.close();
  }
}
