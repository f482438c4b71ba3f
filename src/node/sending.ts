/**
 * Sending for a program: whose the bytes are meanwhile, and how it ended for each of several nodes.
 * @module
 */
import { DsnError } from "../errors.ts";
import type { NodeBody } from "./node-body.ts";
import { toBytes } from "./values.ts";
import { abortable, type WaitOptions } from "./waiting.ts";

/** Copying more than this would hold up all else that the process does. */
const COPIED_BYTES_MAX = 1024 * 1024;

/** How a send to one of several nodes ended; the errors are those of {@link NodeFace.sendToNode}. */
export type SendResult = { readonly ok: true } | { readonly ok: false; readonly error: DsnError };

/** Resolves when the node has taken them. What is large is not copied, and must not change before. */
export async function sendBytes(
  node: NodeBody,
  nodeId: string,
  data: string | Uint8Array,
  { signal, timeout }: WaitOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const bytes = toBytes(data);
  const isCopied = typeof data !== "string" && bytes.length <= COPIED_BYTES_MAX;
  const sent = node.send(nodeId, isCopied ? new Uint8Array(bytes) : bytes, timeout);
  await (signal === undefined ? sent : abortable(sent, signal));
}

/** One result for each. What is no {@link DsnError}, such as the reason of a signal, is thrown. */
export async function sendToEach(
  receivers: readonly string[],
  send: (nodeId: string) => Promise<void>,
): Promise<Map<string, SendResult>> {
  const results = await Promise.all(
    receivers.map(async (nodeId): Promise<[string, SendResult]> => {
      try {
        await send(nodeId);
        return [nodeId, { ok: true }];
      } catch (error) {
        if (!(error instanceof DsnError)) throw error;
        return [nodeId, { ok: false, error }];
      }
    }),
  );
  return new Map(results);
}
