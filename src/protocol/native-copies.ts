/** Copies of others' states that native peers bring, and the room that they may take. */
import type { Change } from "../wire/native-states.ts";
import type { Alerts } from "./alerts.ts";
import { memoryGrowthBy } from "./copy-memory.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";
import { NativeReplica } from "./native-replica.ts";
import { LIMITS } from "./settings.ts";
import { replicasFull, tooLarge } from "./state-troubles.ts";

/** The copy that a native form can change. One that came in Python form goes on in this. */
export function nativeReplicaOf({ replica }: Member): NativeReplica {
  if (replica?.kind === "native") return replica;
  return replica === undefined
    ? new NativeReplica()
    : new NativeReplica(replica.version, replica.entries);
}

export interface RoomParts {
  readonly members: Members;
  readonly alerts: Alerts;
  readonly replicaBytesMax: number;
}

/** Whether a copy may grow by these changes; told when it may not. */
export function hasRoom(
  { members, alerts, replicaBytesMax }: RoomParts,
  owner: Member,
  replica: NativeReplica,
  changes: readonly Change[],
): boolean {
  if (replica.bytes + replica.growthBy(changes) > LIMITS.stateBytesMax) {
    alerts.raise(tooLarge(owner.nodeId, LIMITS.stateBytesMax), owner.nodeId);
    return false;
  }
  if (members.hasRoomFor(memoryGrowthBy(replica, changes), replicaBytesMax)) return true;
  alerts.raise(replicasFull(owner.nodeId, replicaBytesMax), "replicas");
  return false;
}
