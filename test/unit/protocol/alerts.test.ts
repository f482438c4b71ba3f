import { describe, expect, it } from "vitest";
import { DsnError } from "../../../src/errors.ts";
import { Alerts } from "../../../src/protocol/alerts.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";

function setUp() {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0,
    entropy: (length) => new Uint8Array(length),
  });
  const told = () =>
    kernel.takeEffects().map((effect) => {
      if (effect.kind !== "event" || effect.event.name !== "warning") return "?";
      return `${effect.event.error.code}${effect.event.resolved ? " resolved" : ""}`;
    });
  return { alerts: new Alerts(kernel), kernel, told };
}

const oneWay = new DsnError("DSN_ONE_WAY", "a");
const refused = new DsnError("DSN_REFUSED", "b");

describe("Alerts", () => {
  it("tells a condition once, and once that it is over", () => {
    const { alerts, told } = setUp();
    for (let times = 0; times < 50; times += 1) alerts.raise(oneWay, "x");
    expect(told()).toEqual(["DSN_ONE_WAY"]);
    alerts.clear("x", "DSN_ONE_WAY", "DSN_REFUSED");
    alerts.clear("x", "DSN_ONE_WAY");
    expect(told()).toEqual(["DSN_ONE_WAY resolved"]);
    alerts.raise(oneWay, "x");
    expect(told()).toEqual(["DSN_ONE_WAY"]);
  });

  it("tells apart by code and by whom it is about", () => {
    const { alerts, told } = setUp();
    alerts.raise(oneWay, "x");
    alerts.raise(oneWay, "y");
    alerts.raise(refused, "x");
    expect(told()).toEqual(["DSN_ONE_WAY", "DSN_ONE_WAY", "DSN_REFUSED"]);
    alerts.clear("y", "DSN_ONE_WAY");
    alerts.raise(oneWay, "x");
    expect(told()).toEqual(["DSN_ONE_WAY resolved"]);
  });

  it("tells some hundred conditions of one code: strangers can make up names", () => {
    const { alerts, kernel, told } = setUp();
    const raiseAll = () => {
      for (let name = 0; name < 1_500; name += 1) alerts.raise(oneWay, `x${name}`);
    };
    raiseAll();
    const first = told();
    expect(first).toHaveLength(251);
    expect(first.filter((code) => code !== "DSN_ONE_WAY")).toEqual(["DSN_PEER_LIMIT"]);
    raiseAll();
    expect(told()).toEqual([]);
    // They are in nobody else's way.
    alerts.raise(refused, "x");
    expect(told()).toEqual(["DSN_REFUSED"]);
    alerts.clear("x0", "DSN_ONE_WAY");
    expect(told()).toEqual(["DSN_ONE_WAY resolved", "DSN_PEER_LIMIT resolved"]);
    alerts.raise(oneWay, "x300");
    expect(told()).toEqual(["DSN_ONE_WAY"]);
    // What was not raised for an hour makes room, and is told as over.
    kernel.now = { ...kernel.now, monotonicMs: 1_800_000 };
    alerts.raise(oneWay, "x300");
    kernel.now = { ...kernel.now, monotonicMs: 3_600_000 };
    alerts.raise(oneWay, "x301");
    const last = told();
    expect(last.filter((code) => code === "DSN_ONE_WAY resolved")).toHaveLength(249);
    expect(last.at(-1)).toBe("DSN_ONE_WAY");
    alerts.clear("x300", "DSN_ONE_WAY");
    expect(told()).toEqual(["DSN_ONE_WAY resolved"]);
  });
});
