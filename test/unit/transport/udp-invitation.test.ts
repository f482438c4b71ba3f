import { describe, expect, it } from "vitest";
import { Alarm } from "../../../src/transport/alarm.ts";
import type { DatagramToAsker } from "../../../src/transport/udp-datagram.ts";
import { decodeDatagram, encodeChallenge } from "../../../src/transport/udp-datagram.ts";
import { type Invited, UdpInvitation } from "../../../src/transport/udp-invitation.ts";
import { UdpSwitch } from "../../../src/transport/udp-switch.ts";

const AT = { address: "10.0.0.2", port: 2222 };

describe("An invitation", () => {
  it("whose challenge comes when its time is over ends once, and is not waited for any more", () => {
    let nowMs = 0;
    let ring: (() => void) | undefined;
    const alarm = new Alarm(
      () => nowMs,
      (_, run) => {
        ring = run;
        return () => undefined;
      },
    );
    const sent: Uint8Array[] = [];
    const hub = new UdpSwitch((bytes) => void sent.push(bytes));
    const ends: (Invited | undefined)[] = [];
    new UdpInvitation(
      {
        networkKey: new Uint8Array(16),
        randomBytes: (length) => new Uint8Array(length).fill(7),
        monotonicMs: () => nowMs,
        alarm,
        switch: hub,
        onEnd: (invited) => ends.push(invited),
      },
      [AT],
    );
    // The process was late: what has come is read before its timers are looked at.
    nowMs = 10_000;
    const [init] = sent;
    const datagram = init === undefined ? undefined : decodeDatagram(init);
    if (datagram?.kind !== "init") throw new Error("no INIT");
    const challenge = encodeChallenge(datagram.saltA, new Uint8Array(16).fill(9));
    hub.receive(decodeDatagram(challenge) as DatagramToAsker);
    ring?.();
    ring?.();
    expect(ends).toEqual([undefined]);
    expect(alarm.size).toBe(0);
    expect(hub.size).toBe(0);
  });
});
