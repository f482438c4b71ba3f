/** Who is sent the states of owners that it does not reach, is so for a while. */
import { describe, expect, it } from "vitest";
import { run } from "../../../src/protocol/flow.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import type { Member } from "../../../src/protocol/member.ts";
import { Members } from "../../../src/protocol/members.ts";
import { Relays, type RelaysParts } from "../../../src/protocol/relays.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { encodeRelay } from "../../../src/wire/native-relay.ts";

const OWNERS = 100;
const ENTROPY = (length: number) => new Uint8Array(length);

describe("Those who do not reach an owner", () => {
  it("are forgotten after a while, also when the owner is gone by then", () => {
    const kernel = new Kernel({
      settings: DEFAULT_SETTINGS,
      random: () => 0.5,
      entropy: ENTROPY,
    });
    const members = new Members(kernel);
    const add = (nodeId: string) => {
      const member = members.add(nodeId, new Uint8Array(64)) as Member;
      const native = { incarnation: "00", issued: 1, features: [], sessions: true, addresses: [] };
      member.native = native;
      members.setStatus(member, "alive", undefined);
      return member;
    };
    const relays = new Relays({
      kernel,
      members,
      items: { lacking: () => undefined } as unknown as RelaysParts["items"],
      greeting: {} as RelaysParts["greeting"],
      overlay: {} as RelaysParts["overlay"],
      nodeId: "me",
      isClosed: () => false,
    });
    const asker = add("asker");
    for (let count = 0; count < OWNERS; count += 1) {
      const owner = add(`owner${count}`);
      const payload = encodeRelay({ to: owner.nodeId, held: 0, hello: new Uint8Array(8) });
      run(
        relays.answer(asker, payload),
        () => undefined,
        (error) => expect.fail(String(error)),
      );
      for (const effect of kernel.takeEffects()) {
        if (effect.kind !== "request") continue;
        for (const { exchange } of effect.targets)
          kernel.replied(exchange, { kind: "answer", payload: new Uint8Array() });
      }
      expect(relays.subscribers.of(owner)).toEqual([asker]);
      members.remove(owner);
    }
    expect(relays.subscribers.size).toBe(OWNERS);
    kernel.now = { monotonicMs: kernel.now.monotonicMs + 60_000, unixSeconds: 0 };
    kernel.fireTimers();
    expect(relays.subscribers.size).toBe(0);
  });
});
