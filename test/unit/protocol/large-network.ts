/** A core in a network that is large for it: it keeps sessions with a few, and knows the others. */
import { decodeAlive } from "../../../src/wire/native-alive.ts";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, type LoneCore } from "./lone-core.ts";
import { silence, stranger } from "./native.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

export const STEP_MS = 25;

/** How those whom the core asks to pass something on answer; undefined for one that is not reached. */
export type Relay = (payload: Uint8Array) => Uint8Array | undefined;

/** The core, and those who were there from the beginning. */
export function large(count = 10): { core: LoneCore; peers: SessionPuppet[] } {
  const core = sessionCore({ settings: { meshMax: 4, rings: 2 } });
  const peers = Array.from({ length: count }, (_, index) =>
    new SessionPuppet(`p${index}`, `10.0.1.${index + 1}`).join(core),
  );
  live(core, peers, 3_000);
  return { core, peers };
}

/**
 * Lets time pass in which these answer; what others are asked ends with its time-out.
 *
 * @returns whom the core said meanwhile that it suspects.
 */
export function live(
  core: LoneCore,
  peers: readonly SessionPuppet[],
  ms: number,
  onStep: () => void = () => undefined,
  relay: Relay = () => undefined,
): string[] {
  const suspected: string[] = [];
  const since = new Map<number, number>();
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    core.run(STEP_MS);
    onStep();
    for (const call of core.sent(NativeType.ALIVE)) suspected.push(...decodeAlive(call.payload));
    for (const peer of peers) {
      for (const call of peer.calls(core, NativeType.RELAY)) {
        const answer = relay(call.payload);
        core.reply(call, answer === undefined ? stranger : answered(answer));
      }
      peer.answerCalls(core);
    }
    for (const call of core.open) {
      const sinceMs = since.get(call.exchange) ?? core.nowMs;
      since.set(call.exchange, sinceMs);
      if (core.nowMs - sinceMs >= call.timeoutMs) core.reply(call, silence);
    }
  }
  return suspected;
}
