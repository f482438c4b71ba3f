import { describe, expect, it } from "vitest";
import { AnsweredShare } from "../../../src/protocol/answered-share.ts";

const FALSE_SHARE = 1e-7;

/** One question of four is answered. */
function onBadLinks(): AnsweredShare {
  const share = new AnsweredShare();
  for (let index = 0; index < 400; index += 1) share.note(index % 4 === 0);
  return share;
}

describe("How many questions a verdict needs", () => {
  it("is few on links that lose nothing", () => {
    expect(new AnsweredShare().tries(FALSE_SHARE)).toBeLessThanOrEqual(4);
  });

  it("is so many that chance alone would hardly ever do it", () => {
    const tries = onBadLinks().tries(FALSE_SHARE);
    expect(0.75 ** tries).toBeLessThan(1e-6);
    expect(tries).toBeLessThan(100);
  });

  it("hardly falls for some answers in a row, which chance brings now and then", () => {
    const share = onBadLinks();
    for (let index = 0; index < 6; index += 1) share.note(true);
    expect(0.75 ** share.tries(FALSE_SHARE)).toBeLessThan(1e-4);
  });

  it("grows within some questions when links become bad, and falls again when they are good", () => {
    const share = new AnsweredShare();
    for (let index = 0; index < 100; index += 1) share.note(true);
    for (let index = 0; index < 12; index += 1) share.note(index % 4 === 3);
    expect(share.tries(FALSE_SHARE)).toBeGreaterThan(25);
    for (let index = 0; index < 200; index += 1) share.note(true);
    expect(share.tries(FALSE_SHARE)).toBeLessThanOrEqual(4);
  });

  it("calls links bad for what was lost over a while, and not for two losses by chance", () => {
    const share = new AnsweredShare();
    for (let index = 0; index < 200; index += 1) share.note(index % 100 > 1);
    expect(share.isLow).toBe(false);
    expect(onBadLinks().isLow).toBe(true);
  });
});
