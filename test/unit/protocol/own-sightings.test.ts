/** What others show us of our own state: believed with our signature, and not without end. */
import { describe, expect, it } from "vitest";
import { Alerts } from "../../../src/protocol/alerts.ts";
import { Kernel } from "../../../src/protocol/kernel.ts";
import { createMember } from "../../../src/protocol/member.ts";
import { OwnSightings } from "../../../src/protocol/own-sightings.ts";
import { OwnState } from "../../../src/protocol/own-state.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { decodeEntries } from "../../../src/wire/python-json.ts";

const NOW = 1_000;

/** A node with the state `{"k": "v"}` of time 1000; without a mark unless one is given. */
function setUp(mark = 0) {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0,
    entropy: (length) => new Uint8Array(length),
  });
  // The machine has been up for a while.
  kernel.now = { monotonicMs: 5_000_000, unixSeconds: NOW };
  const own = new OwnState(mark);
  own.write(new Map([["k", "v"]]));
  own.commit(NOW);
  const sightings = new OwnSightings(kernel, own, new Alerts(kernel), "me");
  const pass = (ms: number) => {
    const { monotonicMs, unixSeconds } = kernel.now;
    kernel.now = { monotonicMs: monotonicMs + ms, unixSeconds: unixSeconds + ms / 1_000 };
  };
  const warned = () =>
    kernel.takeEffects().flatMap((effect) => {
      if (effect.kind !== "event" || effect.event.name !== "warning") return [];
      return [effect.event.error];
    });
  const show = (version: number, text = '{"k": "other"}') =>
    sightings.shown(version, decodeEntries(text));
  return { own, sightings, pass, warned, show };
}

const peer = createMember("alice", new Uint8Array(64), 0);

describe("A state of ours that a peer shows", () => {
  it("of a later time makes us step above it", () => {
    const { own, show } = setUp();
    expect(show(NOW + 600)).toBe(true);
    expect(own.version).toBeGreaterThan(NOW + 600);
  });

  it("of a later time and the same content too: what we write next must be later still", () => {
    const { own, show } = setUp();
    expect(show(NOW + 600, '{"k": "v"}')).toBe(true);
    expect(own.version).toBeGreaterThan(NOW + 600);
  });

  it("of the same time and another content too, for one of the two must win", () => {
    const { own, show } = setUp();
    expect(show(NOW)).toBe(true);
    expect(own.version).toBeGreaterThan(NOW);
  });

  it("that is the present one, or older, or of a time that is none, changes nothing", () => {
    const { own, show } = setUp();
    expect(show(NOW, '{"k": "v"}')).toBe(false);
    expect(show(NOW - 1)).toBe(false);
    for (const version of [Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE])
      expect(show(version), String(version)).toBe(false);
    expect(own.version).toBe(NOW);
  });

  it("moves us once a second, and three times a minute; then a twin is reported", () => {
    const { own, show, pass, warned } = setUp();
    expect(show(NOW + 1_000)).toBe(true);
    pass(999);
    expect(show(NOW + 2_000)).toBe(false);
    pass(1);
    expect(show(NOW + 2_000)).toBe(true);
    pass(1_000);
    expect(show(NOW + 3_000)).toBe(true);
    expect(warned()).toEqual([]);
    pass(1_000);
    expect(show(NOW + 4_000)).toBe(false);
    expect(own.version).toBeLessThan(NOW + 4_000);
    expect(warned().map(({ code }) => code)).toEqual(["DSN_DUPLICATE_IDENTITY"]);
    // The first of the three is a minute ago.
    pass(57_000);
    expect(show(NOW + 4_000)).toBe(true);
  });
});

describe("A Python peer that takes our change without a word", () => {
  it("makes us step above its clock, once", () => {
    const { own, sightings, pass, warned } = setUp(NOW - 1);
    expect(sightings.refusedAsOld(peer, NOW + 60)).toBe(true);
    // Its clock tells whole seconds.
    expect(own.version).toBeGreaterThan(NOW + 61);
    expect(warned()).toEqual([]);
    pass(120_000);
    expect(sightings.refusedAsOld(peer, NOW + 9_000)).toBe(false);
    expect(own.version).toBeLessThan(NOW + 9_000);
  });

  it("makes us step above its clock later, if we have just stepped above what others showed", () => {
    const { own, sightings, show, pass } = setUp(NOW - 1);
    show(NOW + 10);
    expect(sightings.refusedAsOld(peer, NOW + 60)).toBe(false);
    expect(sightings.isLeapDue).toBe(true);
    pass(1_000);
    expect(sightings.refusedAsOld(peer, NOW + 60)).toBe(true);
    expect(own.version).toBeGreaterThan(NOW + 61);
    expect(sightings.isLeapDue).toBe(false);
    expect(sightings.refusedAsOld(peer, NOW + 9_000)).toBe(false);
    expect(sightings.isLeapDue).toBe(false);
  });

  it("asks for no step any more when our version has passed its clock otherwise", () => {
    const { sightings, show, pass } = setUp(NOW - 1);
    show(NOW + 10);
    sightings.refusedAsOld(peer, NOW + 60);
    expect(sightings.isLeapDue).toBe(true);
    pass(2_000);
    show(NOW + 1_000);
    sightings.refusedAsOld(peer, NOW + 60);
    expect(sightings.isLeapDue).toBe(false);
  });

  it("is reported as a clock that is behind, in seconds if it told its own", () => {
    const { sightings, warned } = setUp(NOW - 1);
    sightings.refusedAsOld(peer, NOW + 60);
    expect(sightings.refusedAsOld(peer, NOW + 60)).toBe(false);
    const [warning] = warned();
    expect(warning).toMatchObject({ code: "DSN_CLOCK_BEHIND", nodeId: "alice" });
    expect(warning?.why).toMatch(/ 60 s /);
    const silent = setUp(NOW - 1);
    expect(silent.sightings.refusedAsOld(peer, undefined)).toBe(false);
    expect(silent.warned()[0]?.why).not.toMatch(/\d s/);
  });

  it("with a clock behind ours does not move us: it holds a time that no clock explains", () => {
    const { own, sightings, warned } = setUp(NOW - 1);
    expect(sightings.refusedAsOld(peer, NOW - 60)).toBe(false);
    expect(own.version).toBe(NOW);
    expect(warned().map(({ code }) => code)).toEqual(["DSN_CLOCK_BEHIND"]);
  });
});

describe("A Python peer that takes our first state without a word", () => {
  it("D22: makes us step above its clock if we do not know what we showed in an earlier life", () => {
    const { own, sightings } = setUp();
    expect(sightings.refusedAtFirst(NOW + 60)).toBe(true);
    expect(own.version).toBeGreaterThan(NOW + 60);
    expect(sightings.refusedAtFirst(NOW + 900)).toBe(false);
  });

  it("holds our content if we do know: there was a mark", () => {
    const { own, sightings } = setUp(NOW - 1);
    expect(sightings.refusedAtFirst(NOW + 60)).toBe(false);
    expect(own.version).toBe(NOW);
  });

  it("tells nothing without a clock", () => {
    const { own, sightings } = setUp();
    expect(sightings.refusedAtFirst(undefined)).toBe(false);
    expect(own.version).toBe(NOW);
  });
});
