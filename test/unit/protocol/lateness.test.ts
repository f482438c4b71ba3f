import { describe, expect, it } from "vitest";
import { Lateness } from "../../../src/protocol/lateness.ts";

describe("Lateness", () => {
  it("is none on a machine whose timers are as late as timers are", () => {
    const lateness = new Lateness();
    for (let ms = 0; ms < 1_000; ms += 10) lateness.note(20, ms);
    expect(lateness.at(1_000)).toBe(0);
  });

  it("is the worst lately, half of it forgotten every three seconds, in the end all", () => {
    const lateness = new Lateness();
    lateness.note(400, 1_000);
    lateness.note(30, 1_001);
    expect(lateness.at(1_000)).toBe(400);
    expect(lateness.at(4_000)).toBe(200);
    lateness.note(150, 4_000);
    expect(lateness.at(4_000)).toBe(200);
    lateness.note(300, 4_000);
    expect(lateness.at(7_000)).toBe(150);
    expect(lateness.at(60_000)).toBe(0);
  });

  it("is a second at most, however long a machine slept", () => {
    const lateness = new Lateness();
    lateness.note(3_600_000, 0);
    expect(lateness.at(0)).toBe(1_000);
  });
});
