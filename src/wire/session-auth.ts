/**
 * AUTH: who a node is, signed for one connection. Each side of a session sends it first of all.
 *
 *     bytes    body              see below
 *     bytes    signature         64 bytes, over authSignedPart()
 *     …                          ignored
 *
 * The body:
 *
 *     string   node id
 *     bytes    public key        64 bytes, x then y
 *     bytes    incarnation       16 bytes, random per process
 *     uint32   version min       versions of the session spoken, both ends included
 *     uint32   version max
 *     uint32   count             at most 32
 *     count ×  string            feature, at most 64 bytes
 *     …                          ignored, yet signed: newer versions append here
 * @module
 */
import { ByteReader } from "../bytes/reader.ts";
import { ByteWriter } from "../bytes/writer.ts";
import { MalformedError } from "../errors.ts";

export interface SessionAuth {
  readonly nodeId: string;
  /** Raw x‖y, 64 bytes. */
  readonly publicKey: Uint8Array;
  /** 16 bytes, drawn when the process started. */
  readonly incarnation: Uint8Array;
  readonly versionMin: number;
  readonly versionMax: number;
  readonly features: readonly string[];
}

/** Who began the connection, and who took it: so that nobody's AUTH can be shown back to it. */
export type SessionRole = "dialler" | "acceptor";

const PUBLIC_KEY_BYTES = 64;
const INCARNATION_BYTES = 16;
const SIGNATURE_BYTES = 64;
const NODE_ID_CHARS_MAX = 64;
const FEATURES_MAX = 32;
const FEATURE_BYTES_MAX = 64;

/** What both ends of one TLS connection know, and nobody else: bytes of its exporter. */
export const EXPORTER_BYTES = 32;
export const EXPORTER_LABEL = "EXPORTER-dsn-session-1";

/** @throws {RangeError} when a field does not fit the layout, or passes a limit of it. */
export function encodeAuthBody(auth: SessionAuth): Uint8Array {
  const fault = faultOf(auth);
  if (fault !== undefined) throw new RangeError(`Cannot write AUTH: ${fault}`);
  const writer = new ByteWriter()
    .string(auth.nodeId)
    .bytes(auth.publicKey)
    .bytes(auth.incarnation)
    .uint32(auth.versionMin)
    .uint32(auth.versionMax)
    .uint32(auth.features.length);
  for (const feature of auth.features) writer.string(feature);
  return writer.finish();
}

/**
 * What is signed, unhashed: `"dsn session 1\0"`, string role, bytes body, bytes exporter.
 *
 * @param body As written, or as received, with what newer versions appended.
 * @param exporter {@link EXPORTER_BYTES} of the connection: an AUTH is good on no other.
 */
export function authSignedPart(
  role: SessionRole,
  body: Uint8Array,
  exporter: Uint8Array,
): Uint8Array {
  return new ByteWriter(64 + body.length + exporter.length)
    .raw(new TextEncoder().encode("dsn session 1\0"))
    .string(role)
    .bytes(body)
    .bytes(exporter)
    .finish();
}

/** @throws {RangeError} when the signature has another length. */
export function encodeAuth(body: Uint8Array, signature: Uint8Array): Uint8Array {
  if (signature.length !== SIGNATURE_BYTES) {
    throw new RangeError(`Cannot write AUTH: signature of ${signature.length} bytes`);
  }
  return new ByteWriter(8 + body.length + SIGNATURE_BYTES).bytes(body).bytes(signature).finish();
}

/** An AUTH as it came. All byte fields are views of what was decoded: copy what you keep. */
export interface DecodedAuth {
  readonly auth: SessionAuth;
  /** The bytes as received, for {@link authSignedPart}. */
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Reads an AUTH. Its signature is not checked here.
 *
 * @throws {MalformedError} when it is cut short, or a field passes a limit.
 */
export function decodeAuth(bytes: Uint8Array): DecodedAuth {
  const reader = new ByteReader(bytes);
  const body = reader.bytes();
  const signature = reader.bytes();
  if (signature.length !== SIGNATURE_BYTES) {
    throw new MalformedError(`Cannot read AUTH: signature of ${signature.length} bytes`);
  }
  return { auth: decodeBody(body), body, signature };
}

function decodeBody(body: Uint8Array): SessionAuth {
  const reader = new ByteReader(body);
  const auth = {
    nodeId: reader.string(),
    publicKey: reader.bytes(),
    incarnation: reader.bytes(),
    versionMin: reader.uint32(),
    versionMax: reader.uint32(),
    features: readFeatures(reader),
  };
  const fault = faultOf(auth);
  if (fault !== undefined) throw new MalformedError(`Cannot read AUTH: ${fault}`);
  return auth;
}

function readFeatures(reader: ByteReader): string[] {
  const count = reader.uint32();
  // Before the loop, so that a count that was made up costs nothing.
  if (count > FEATURES_MAX) {
    throw new MalformedError(`Cannot read AUTH: ${count} features, at most ${FEATURES_MAX}`);
  }
  return Array.from({ length: count }, () => reader.string());
}

/** One list of rules for both directions: what we refuse to read we never write. */
function faultOf(auth: SessionAuth): string | undefined {
  const { nodeId, publicKey, incarnation, versionMin, versionMax, features } = auth;
  if (nodeId.length === 0 || nodeId.length > NODE_ID_CHARS_MAX) {
    return `node id of ${nodeId.length} characters`;
  }
  if (publicKey.length !== PUBLIC_KEY_BYTES) return `public key of ${publicKey.length} bytes`;
  if (incarnation.length !== INCARNATION_BYTES) return `incarnation of ${incarnation.length} bytes`;
  if (versionMin > versionMax) return `versions ${versionMin} to ${versionMax}`;
  if (features.length > FEATURES_MAX) return `${features.length} features`;
  const utf8 = new TextEncoder();
  const long = features.some((feature) => utf8.encode(feature).length > FEATURE_BYTES_MAX);
  return long ? `a feature of more than ${FEATURE_BYTES_MAX} bytes` : undefined;
}
