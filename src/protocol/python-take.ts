/**
 * States in Python form: whole, one packet each, with their owner's signature.
 *
 * Source: `dsnode.py`, `handle_update`; `docs/protocol.md`, UPDATE.
 * @module
 */
import { decodeEntries } from "../wire/python-json.ts";
import { decodeStatePacket, type StatePacket } from "../wire/state-packet.ts";
import type { Alerts } from "./alerts.ts";
import { memoryOf } from "./copy-memory.ts";
import { compareEntries } from "./entries.ts";
import type { Flow } from "./flow.ts";
import type { Kernel } from "./kernel.ts";
import { isPresent, type Member, type PythonReplica } from "./member.ts";
import type { Members } from "./members.ts";
import { forkedState, replicasFull } from "./state-troubles.ts";
import { tellUpdate } from "./updates.ts";
import { judgeVersion } from "./version-rule.ts";

/** Canonical JSON of a state without entries. */
export const EMPTY = "{}";

/** What became of a state that came in. */
export type Verdict =
  | "accepted"
  | "duplicate"
  | "stale"
  /** Signed, and no state: its owner is broken. */
  | "unreadable";

export interface PythonTakeParts {
  readonly kernel: Kernel;
  readonly members: Members;
  readonly alerts: Alerts;
  readonly replicaBytesMax: number;
}

export class PythonTake {
  readonly #parts: PythonTakeParts;

  constructor(parts: PythonTakeParts) {
    this.#parts = parts;
  }

  /** A state packet of a Python owner that a native peer has passed on. */
  *takePacket(member: Member, payload: Uint8Array): Flow {
    const decoded = readPacket(payload);
    if (decoded === undefined) return;
    const { packet, signedPart } = decoded;
    if (packet.nodeId !== member.nodeId) return;
    const { publicKey } = member;
    const { kernel, members } = this.#parts;
    const valid = yield* kernel.verify(publicKey, "python", signedPart, packet.signature);
    if (!valid || !members.has(member)) return;
    this.accept(member, packet, payload, false);
  }

  /**
   * Takes a state whose signature has verified.
   *
   * @param fresh It came from the owner: a word of its own.
   */
  accept(member: Member, packet: StatePacket, payload: Uint8Array, fresh = true): Verdict {
    const { kernel, members, alerts, replicaBytesMax } = this.#parts;
    const held = member.replica?.kind === "python" ? member.replica : undefined;
    const rule = judgeVersion(packet.version, member.replica?.version, {
      native: member.native !== undefined,
      unixSeconds: kernel.now.unixSeconds,
      versionsHeld: () => this.#versionsHeld(member),
      aheadMax: kernel.settings.versionAheadSecondsMax,
    });
    if (rule === "stale") return "stale";
    const same = held !== undefined && held.text === packet.text;
    if (rule === "equal") {
      if (same) return unchanged(packet);
      // A native owner never makes two states of one version: two processes use its identity.
      if (member.native !== undefined && held !== undefined) {
        alerts.raise(forkedState(member.nodeId), member.nodeId);
        if (packet.text < held.text) return "duplicate";
      }
    }
    let entries: ReadonlyMap<string, string>;
    try {
      entries = same ? held.entries : decodeEntries(packet.text);
    } catch {
      return "unreadable";
    }
    const before = member.replica?.entries ?? new Map<string, string>();
    const { version, text } = packet;
    const kept = { packet: new Uint8Array(payload), bytes: text.length };
    const replica: PythonReplica = { kind: "python", version, text, entries, ...kept };
    const growth = memoryOf(replica) - memoryOf(member.replica);
    if (!members.hasRoomFor(growth, replicaBytesMax)) {
      alerts.raise(replicasFull(member.nodeId, replicaBytesMax), "replicas");
      return "stale";
    }
    member.replica = replica;
    if (fresh) member.heardMs = kernel.now.monotonicMs;
    if (same) return unchanged(packet);
    if (isPresent(member)) tellUpdate(kernel, member, compareEntries(before, entries));
    return "accepted";
  }

  #versionsHeld(except: Member): number[] {
    const versions: number[] = [];
    for (const member of this.#parts.members.present()) {
      if (member !== except && member.replica !== undefined) versions.push(member.replica.version);
    }
    return versions;
  }
}

/** The state that a packet holds; undefined when it is none. */
export function readPacket(payload: Uint8Array): ReturnType<typeof decodeStatePacket> | undefined {
  try {
    return decodeStatePacket(payload);
  } catch {
    return undefined;
  }
}

/** The reference never takes equal content for news, but an empty state every time. */
function unchanged({ text }: StatePacket): Verdict {
  return text === EMPTY ? "accepted" : "duplicate";
}
