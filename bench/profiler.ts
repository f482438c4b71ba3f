/** A CPU profile of a part of this process's life: without its start, and without its warm-up. */
import { writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";

/** Between two samples, in microseconds. */
const INTERVAL_US = 100;

/** @returns ends the profile and writes it. */
export async function startProfile(file: string): Promise<() => Promise<void>> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: INTERVAL_US });
  await session.post("Profiler.start");
  return async () => {
    const { profile } = await session.post("Profiler.stop");
    session.disconnect();
    writeFileSync(file, JSON.stringify(profile));
  };
}
