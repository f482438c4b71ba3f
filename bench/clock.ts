/** Milliseconds on the monotonic clock of the machine, the same one for all its processes. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
