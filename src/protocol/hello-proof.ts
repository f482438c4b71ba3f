/**
 * What makes a HELLO more than a rumour: its signatures, over all that it says.
 * @module
 */

import { decodeHello, encodeHello, type Hello } from "../wire/hello.ts";
import {
  blockSignedPart,
  decodeHelloBlock,
  type HelloBlock,
  type HelloRole,
  stripNativeMark,
} from "../wire/hello-block.ts";
import { helloFault } from "../wire/native-fields.ts";
import { isNodeId } from "../wire/node-id.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import type { SignedHello } from "./member.ts";
import { printable } from "./troubles.ts";

/** A HELLO whose signatures have verified. */
export interface ProvenHello {
  readonly hello: Hello;
  readonly block: HelloBlock | undefined;
  /** As it came. */
  readonly signed: SignedHello;
}

/** The HELLO if all its signatures verify, undefined if not, or why it is no HELLO. */
export function* proveHello(
  kernel: Kernel,
  payload: Uint8Array,
  role: HelloRole,
): Flow<ProvenHello | undefined | string> {
  // Nobody could be shown one that passes this, nor anybody else in the same message.
  const fault = helloFault(payload);
  if (fault !== undefined) return fault;
  let decoded: ReturnType<typeof decodeHello>;
  let parsed: ReturnType<typeof decodeHelloBlock>;
  try {
    decoded = decodeHello(payload);
    parsed = decodeHelloBlock(decoded.trailing);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { hello, signedPart } = decoded;
  if (!isNodeId(hello.nodeId)) return `"${printable(hello.nodeId)}" cannot be a node id`;
  if (hello.publicKey.length !== 64) return "its public key is not 64 bytes";
  if (!(yield* kernel.verify(hello.publicKey, "python", signedPart, hello.signature)))
    return undefined;
  const signed = { role, bytes: payload.slice() };
  // The mark is covered by the HELLO's own signature: without its block, somebody cut it off.
  if (parsed === undefined) {
    return stripNativeMark(hello.address).native
      ? undefined
      : { hello: keep(hello), block: undefined, signed };
  }
  const helloBytes = encodeHello({ ...hello, detectedAddress: "" });
  const message = blockSignedPart(role, helloBytes, parsed.body);
  if (!(yield* kernel.verify(hello.publicKey, "native", message, parsed.signature)))
    return undefined;
  return { hello: keep(hello), block: parsed.block, signed };
}

/** Copies what is kept: the HELLO's fields are views into a buffer that must not live on. */
function keep(hello: Hello): Hello {
  return { ...hello, publicKey: hello.publicKey.slice(), signature: hello.signature.slice() };
}
