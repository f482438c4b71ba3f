import { createHash } from "node:crypto";

/** 32 bytes. @param content A string counts as its UTF-8. */
export function sha256(content: Uint8Array | string): Uint8Array {
  return createHash("sha256").update(content).digest();
}
