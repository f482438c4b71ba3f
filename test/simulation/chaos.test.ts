/**
 * Whatever goes wrong, both promises hold: nobody holds a state that its owner did not sign, and
 * once the faults end all live nodes agree within 30 s (with Python peers, as their gossip allows).
 */
import { describe } from "vitest";
import { chaosTests } from "./seeds.ts";

describe("Whatever goes wrong, both promises hold", () => {
  chaosTests("chaos.test.ts", 0, 120);
});
