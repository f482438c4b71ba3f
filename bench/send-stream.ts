/** Small messages at a steady pace, beside large ones or alone. */
import { setTimeout as sleep } from "node:timers/promises";
import { nowMs } from "./clock.ts";
import type { StreamOrder } from "./commands.ts";
import type { Peer } from "./peer.ts";

/** @param filling Of all payloads. @returns the round trips of the small ones, in milliseconds. */
export async function sendStream(
  peer: Peer,
  { to, bytes, everyMs, forMs, besideBytes }: StreamOrder,
  filling: number,
): Promise<number[]> {
  const small = Buffer.alloc(bytes, filling);
  const large = Buffer.alloc(besideBytes, filling);
  const untilMs = nowMs() + forMs;
  const passing = async () => {
    while (besideBytes > 0 && nowMs() < untilMs) await peer.send(to, large);
  };
  const passed = passing();
  const roundTrips: Promise<number>[] = [];
  while (nowMs() < untilMs) {
    await sleep(everyMs);
    roundTrips.push(roundTrip(peer, to, small));
  }
  await passed;
  return Promise.all(roundTrips);
}

async function roundTrip(peer: Peer, to: number, data: Uint8Array): Promise<number> {
  const sentMs = nowMs();
  await peer.send(to, data);
  return nowMs() - sentMs;
}
