import { describe, expect, it } from "vitest";
import { CreditGranter } from "../../../src/transport/session-credit.ts";

const KIB = 1024;
const LIMITS = { creditBytesMin: 64 * KIB, creditBytesMax: 4096 * KIB };
const SLICE = 16 * KIB;

/**
 * A sender that uses all its credit at once, a link with a rate and a delay each way, and a
 * receiver that grants. The rate may be another one in the second half.
 *
 * @returns the window at the end, and the bytes that came in a millisecond.
 */
function transfer(
  bytesPerMs: number,
  oneWayMs: number,
  totalBytes: number,
  laterBytesPerMs = bytesPerMs,
): { readonly window: number; readonly rate: number } {
  const granter = new CreditGranter(LIMITS);
  const arrivals: number[] = [];
  let freeMs = 0;
  let sent = 0;
  const send = (bytes: number, nowMs: number) => {
    for (let left = bytes; left > 0 && sent < totalBytes; left -= SLICE) {
      const nowBytesPerMs = sent < totalBytes / 2 ? bytesPerMs : laterBytesPerMs;
      freeMs = Math.max(freeMs, nowMs) + SLICE / nowBytesPerMs;
      arrivals.push(freeMs + oneWayMs);
      sent += SLICE;
    }
  };
  // What is left of a grant after whole slices is used with the next one.
  let credit = LIMITS.creditBytesMin;
  const spend = (nowMs: number) => {
    const whole = Math.floor(credit / SLICE) * SLICE;
    credit -= whole;
    send(whole, nowMs);
  };
  spend(0);
  let nowMs = 0;
  for (let next = arrivals.shift(); next !== undefined; next = arrivals.shift()) {
    nowMs = next;
    const grant = granter.came(SLICE, nowMs);
    expect(grant).toBeGreaterThanOrEqual(0);
    credit += grant;
    spend(nowMs + oneWayMs);
  }
  return { window: granter.window, rate: totalBytes / nowMs };
}

describe("CreditGranter", () => {
  it("begins with the least, and grants again when a quarter of it is used", () => {
    const granter = new CreditGranter(LIMITS);
    expect(granter.came(SLICE - 1, 0)).toBe(0);
    expect(granter.came(SLICE, 0)).toBe(2 * SLICE - 1);
    expect(granter.came(SLICE - 1, 0)).toBe(0);
  });

  it("tells more than was granted", () => {
    const granter = new CreditGranter(LIMITS);
    expect(granter.came(64 * KIB, 0)).toBe(64 * KIB);
    expect(granter.came(64 * KIB + 1, 0)).toBe(-1);
  });

  it("fills a long and fast link", () => {
    const { rate, window } = transfer(100 * KIB, 5, 256 * 1024 * KIB);
    expect(rate).toBeGreaterThan(80 * KIB);
    expect(window).toBeGreaterThan(1000 * KIB);
  });

  it("keeps little on the way where the link is short", () => {
    const { rate, window } = transfer(100 * KIB, 0.1, 64 * 1024 * KIB);
    expect(rate).toBeGreaterThan(80 * KIB);
    expect(window).toBeLessThan(256 * KIB);
  });

  it("never grants more than the most", () => {
    expect(transfer(1000 * KIB, 50, 1024 * 1024 * KIB).window).toBe(4096 * KIB);
  });

  it("takes its window back when the link becomes slower", () => {
    const fast = transfer(400 * KIB, 1, 128 * 1024 * KIB).window;
    const slow = transfer(400 * KIB, 1, 256 * 1024 * KIB, 20 * KIB).window;
    expect(fast).toBeGreaterThan(1000 * KIB);
    expect(slow).toBeLessThan(fast / 4);
  });
});
