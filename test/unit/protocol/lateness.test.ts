import { describe, expect, it } from "vitest";
import { Lateness } from "../../../src/protocol/lateness.ts";

describe("Lateness", () => {
  it("is none on a machine whose timers are as late as timers are", () => {
    const lateness = new Lateness();
    for (let ms = 0; ms < 1_000; ms += 10) lateness.note(20, ms);
    expect(lateness.at(1_000)).toBe(0);
  });

  it("is the worst lately but one, half of it forgotten every three seconds, in the end all", () => {
    const lateness = new Lateness();
    lateness.note(600, 500);
    lateness.note(400, 1_000);
    lateness.note(30, 1_001);
    expect(lateness.at(1_000)).toBe(400);
    expect(lateness.at(4_000)).toBe(200);
    lateness.note(150, 4_000);
    expect(lateness.at(4_000)).toBe(200);
    lateness.note(220, 4_000);
    expect(lateness.at(4_000)).toBe(220);
    expect(lateness.at(7_000)).toBe(110);
    expect(lateness.at(60_000)).toBe(0);
  });

  it("is none for one pause, however many timers are late for it", () => {
    const lateness = new Lateness();
    for (const lateMs of [5_000, 4_000, 3_000, 100]) lateness.note(lateMs, 10_000);
    lateness.note(90, 10_005);
    expect(lateness.at(10_010)).toBe(0);
    // Two are a habit.
    lateness.note(800, 12_000);
    expect(lateness.at(12_000)).toBeGreaterThan(500);
  });

  it("is a second at most, however long a machine was stopped", () => {
    const lateness = new Lateness();
    lateness.note(3_600_000, 0);
    lateness.note(3_600_000, 1_000);
    expect(lateness.at(1_000)).toBeLessThanOrEqual(1_000);
  });
});
