/** A program whose timers are late again and again still notices that a node is gone. */
import { describe, expect, it } from "vitest";
import { NativeType } from "../../../src/wire/native-type.ts";
import { answered, type LoneCore } from "./lone-core.ts";
import { silence } from "./native.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

const STEP_MS = 20;
const BEAT_MS = 2_000;
const MINUTE_MS = 60_000;

const statusOf = (core: LoneCore) => core.core.member("bob")?.status;

/** Time in which the program blocks for `lateMs` every other second. */
function block(core: LoneCore, lateMs: number, ms: number, onStep: () => void): void {
  const untilMs = core.nowMs + ms;
  while (core.nowMs < untilMs) {
    for (let done = 0; done < BEAT_MS; done += STEP_MS) {
      core.run(STEP_MS);
      onStep();
    }
    core.late(lateMs);
  }
}

/** Ends calls that have waited for their time. */
function silent(core: LoneCore, bob: SessionPuppet): () => void {
  const since = new Map<number, number>();
  return () => {
    for (const call of bob.calls(core)) {
      const sinceMs = since.get(call.exchange) ?? core.nowMs;
      since.set(call.exchange, sinceMs);
      if (core.nowMs - sinceMs >= call.timeoutMs) core.reply(call, silence);
    }
  };
}

describe("A program that blocks again and again", () => {
  it.each([150, 200, 400])("for %i ms gives up a node that is gone", (lateMs) => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    block(core, lateMs, 2 * MINUTE_MS, silent(core, bob));
    expect(statusOf(core)).toBe("down");
  });

  it.each([400, 800])("for %i ms keeps a node that answers now and then", (lateMs) => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    const end = silent(core, bob);
    let answeredMs = core.nowMs;
    block(core, lateMs, 4 * MINUTE_MS, () => {
      end();
      const [call] = bob.calls(core, NativeType.ALIVE);
      if (call === undefined || core.nowMs - answeredMs < MINUTE_MS / 2) return;
      answeredMs = core.nowMs;
      core.reply(call, answered(new Uint8Array()));
    });
    expect(["alive", "suspect"]).toContain(statusOf(core));
  });
});
