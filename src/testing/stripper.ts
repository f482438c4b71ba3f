/** Somebody on the wire who wants nodes of ours to take each other for Python peers. */
import { decodeHello, encodeHello } from "../wire/hello.ts";
import { MessageType } from "../wire/message-type.ts";
import type { Alter } from "./sim-carrier.ts";

/**
 * Cuts the block off HELLOs and their answers.
 *
 * @param rate Of them, the share that is cut.
 */
export function stripping({ random }: { readonly random: () => number }, rate: number): Alter {
  return ({ type, payload }) =>
    type === MessageType.HELLO && random() < rate ? stripped(payload) : payload;
}

function stripped(payload: Uint8Array): Uint8Array {
  try {
    return encodeHello(decodeHello(payload).hello);
  } catch {
    // What a liar said.
    return payload;
  }
}
