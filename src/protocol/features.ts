import type { Kernel } from "./kernel.ts";
import { type Member, speaksNative } from "./member.ts";

/** Tells the carrier what a member can do besides the Python wire. */
export function tellFeatures(kernel: Kernel, member: Member): void {
  const { native, endpoint } = member;
  if (endpoint === undefined) return;
  const speaks = native?.features.includes("udp") === true;
  kernel.emit({ kind: "datagrams", to: endpoint, speaks, sessions: speaksNative(member) });
}
