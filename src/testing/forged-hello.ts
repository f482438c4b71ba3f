/** HELLOs that nobody said: well signed, with whatever key is at hand. */
import type { KeyPair } from "../crypto/identity.ts";
import type { SignatureEngine } from "../crypto/signatures.ts";
import { SESSION_FEATURE } from "../protocol/index.ts";
import { encodeHello, helloSignedPart } from "../wire/hello.ts";
import {
  blockSignedPart,
  encodeBlockBody,
  encodeHelloBlock,
  type HelloRole,
  markNative,
} from "../wire/hello-block.ts";
import { PROTOCOL_VERSION } from "../wire/message-type.ts";
import { SIM_PORT } from "./sim-carrier.ts";

/** What it is to say. */
export interface ForgedHello {
  readonly engine: SignatureEngine;
  readonly entropy: (length: number) => Uint8Array;
  readonly keyPair: KeyPair;
  readonly nodeId: string;
  readonly role: HelloRole;
  /** Unix seconds. */
  readonly issued: number;
  readonly address: string;
  /** @default a node with sessions */
  readonly features?: readonly string[];
}

/** A HELLO and its block, both signed. */
export function forgeHello(said: ForgedHello): Uint8Array {
  const { engine, entropy, keyPair, role } = said;
  const unsigned = {
    version: PROTOCOL_VERSION,
    nodeId: said.nodeId,
    address: markNative(said.address),
    port: SIM_PORT,
    publicKey: keyPair.publicKey,
    signature: new Uint8Array(),
    detectedAddress: "",
  };
  const { privateKey } = keyPair;
  const signature = engine.sign(privateKey, "python", helloSignedPart(unsigned), entropy(32));
  const hello = encodeHello({ ...unsigned, signature });
  const body = encodeBlockBody({
    nonce: entropy(16),
    answered: role === "answer" ? entropy(16) : undefined,
    incarnation: entropy(16),
    issued: said.issued,
    versionMin: 1,
    versionMax: 1,
    features: said.features ?? [SESSION_FEATURE],
    addresses: [],
  });
  const message = blockSignedPart(role, hello, body);
  const block = encodeHelloBlock(body, engine.sign(privateKey, "native", message, entropy(32)));
  return Buffer.concat([hello, block]);
}
