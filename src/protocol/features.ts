import type { Kernel } from "./kernel.ts";
import type { Member } from "./member.ts";

/** Tells the carrier what a member can do besides the Python wire. */
export function tellFeatures(kernel: Kernel, { native, endpoint }: Member): void {
  if (endpoint === undefined) return;
  const speaks = native?.features.includes("udp") === true;
  kernel.emit({ kind: "datagrams", to: endpoint, speaks });
}
