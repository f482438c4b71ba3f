/** Tells the application what has changed in the copy of another node's state. */
import { type EntriesChange, isEmptyChange } from "./entries.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member } from "./member.ts";

/** Nothing while the owner is not there, whose state is not shown then. */
export function tellUpdate(kernel: Kernel, owner: Member, change: EntriesChange): void {
  if (!isPresent(owner) || isEmptyChange(change)) return;
  const { nodeId, replica } = owner;
  const version = replica?.version ?? 0;
  kernel.event({ name: "state:update", owner: nodeId, change, version, local: false });
}
