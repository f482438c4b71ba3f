/** Getting in: every bootstrap node, again and again, and one warning that says why not. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/protocol/settings.ts";
import { MessageType } from "../../../src/wire/message-type.ts";
import { answered, LoneCore, PORT, Puppet } from "./lone-core.ts";
import { callsTo, Native, replyAll, silence, unreachable } from "./native.ts";

const ONE = "10.0.0.51";
const TWO = "10.0.0.52";
const place = (address: string) => ({ address, port: PORT });

function joining(...addresses: string[]): LoneCore {
  return new LoneCore("me", {}, addresses.map(place));
}

/** What was told, in order: codes of warnings, and whether we are in. */
function told(core: LoneCore): string[] {
  return core.events.flatMap((event) => {
    if (event.name === "joined") return [`joined ${event.through.address}`];
    if (event.name === "first-round") return ["first-round"];
    if (event.name !== "warning") return [];
    const reasons = event.error.causes.map(({ code }) => code).join();
    return [`${event.resolved ? "over: " : ""}${event.error.code} ${reasons}`.trim()];
  });
}

function callsAt(core: LoneCore, address: string) {
  return core.open.filter(({ to }) => to.address === address);
}

describe("Joining", () => {
  it("calls all bootstrap nodes at once, and is in with the first that answers", () => {
    const core = joining(ONE, TWO);
    expect(core.open.map(({ to, type }) => [to.address, type])).toEqual([
      [ONE, MessageType.HELLO],
      [TWO, MessageType.HELLO],
    ]);
    new Native("two", TWO).answerCalls(core);
    expect(told(core)).toContain(`joined ${TWO}`);
    new Native("one", ONE).answerCalls(core);
    expect(told(core).filter((line) => line.startsWith("joined"))).toEqual([`joined ${TWO}`]);
    expect(core.core.presentIds().sort()).toEqual(["one", "two"]);
  });

  it("has tried all when the last has answered or failed", () => {
    const core = joining(ONE, TWO);
    replyAll(core, ONE, unreachable);
    expect(told(core)).not.toContain("first-round");
    new Native("two", TWO).answerCalls(core);
    expect(told(core)).toEqual([`joined ${TWO}`, "first-round"]);
  });

  it("through itself is tried once, and does not hide what is wrong with the others", () => {
    const core = joining(ONE, TWO);
    const [itself] = callsAt(core, ONE);
    if (itself === undefined) throw new Error("not called");
    const outcome = core.ask(MessageType.HELLO, itself.payload, ONE);
    if (outcome.kind !== "refusal") throw new Error("it let itself in");
    core.reply(itself, { kind: "refused", status: outcome.status, text: outcome.text });
    replyAll(core, TWO, unreachable);
    for (let second = 0; second < 30; second += 1) {
      core.run(1_000);
      replyAll(core, TWO, second < 15 ? unreachable : { kind: "refused", status: 404, text: "" });
      expect(callsAt(core, ONE)).toEqual([]);
    }
    expect(told(core)).toContain("DSN_NO_BOOTSTRAP DSN_UNREACHABLE");
    expect(told(core)).toContain("DSN_NO_BOOTSTRAP DSN_NOT_DSN");
  });

  it("calls many that are silent again a few at once, and each in its turn", () => {
    const many = Array.from({ length: 200 }, (_, index) => `10.0.1.${index + 1}`);
    const core = joining(...many);
    expect(core.open).toHaveLength(200);
    for (const address of many) replyAll(core, address, silence);
    const called = new Set<string>();
    for (let step = 0; step < 300; step += 1) {
      core.run(500);
      expect(core.open.length).toBeLessThanOrEqual(LIMITS.attemptsMax);
      for (const { to } of core.open) called.add(to.address);
      if (step % 4 === 3) for (const call of [...core.open]) core.reply(call, silence);
    }
    expect(called.size).toBe(200);
  });

  it("calls many that refuse again one after the other: nobody waits for those that have failed", () => {
    const many = Array.from({ length: 200 }, (_, index) => `10.0.1.${index + 1}`);
    const core = joining(...many);
    const called = new Set<string>();
    for (let step = 0; step < 30; step += 1) {
      for (const call of [...core.open]) {
        if (step > 0) called.add(call.to.address);
        core.reply(call, unreachable);
      }
      core.run(100);
    }
    expect(called.size).toBe(200);
  });

  it("without bootstrap nodes has nothing to try, and nothing to warn of", () => {
    expect(told(joining())).toEqual(["first-round"]);
  });

  it("warns when nobody lets us in, with each reason, and again only for other reasons", () => {
    const core = joining(ONE, TWO);
    replyAll(core, ONE, unreachable);
    replyAll(core, TWO, silence);
    const since = core.events.length;
    expect(told(core).at(-1)).toBe("DSN_NO_BOOTSTRAP DSN_UNREACHABLE,DSN_UNREACHABLE");
    for (let second = 0; second < 60; second += 1) {
      for (const address of [ONE, TWO]) replyAll(core, address, unreachable);
      core.run(500);
    }
    expect(core.events.slice(since).map(({ name }) => name)).toEqual(["isolated"]);
    for (let second = 0; second < 20; second += 1) {
      replyAll(core, ONE, { kind: "refused", status: 404, text: "" });
      replyAll(core, TWO, unreachable);
      core.run(500);
    }
    expect(told(core).slice(-2)).toEqual([
      "over: DSN_NO_BOOTSTRAP DSN_UNREACHABLE,DSN_UNREACHABLE",
      "DSN_NO_BOOTSTRAP DSN_NOT_DSN,DSN_UNREACHABLE",
    ]);
  });

  it("ends the warning as soon as somebody is there, whoever called first", () => {
    const core = joining(ONE);
    replyAll(core, ONE, unreachable);
    new Puppet("alice", "10.0.0.2").join(core);
    expect(told(core).at(-1)).toMatch(/^over: DSN_NO_BOOTSTRAP/);
  });

  it("does not warn of bootstrap nodes that are away while others are there", () => {
    const core = joining(ONE);
    new Puppet("alice", "10.0.0.2").join(core);
    let attempts = 0;
    for (let second = 0; second < 60; second += 1) {
      attempts += callsTo(core, ONE).length;
      replyAll(core, ONE, unreachable);
      core.run(1_000);
      core.ask(MessageType.PING, Uint8Array.of(0x20), "10.0.0.2");
      for (const call of core.open.filter(({ to }) => to.address === "10.0.0.2"))
        core.reply(call, answered(new Uint8Array()));
    }
    expect(core.warnings()).toEqual([]);
    expect(attempts).toBeGreaterThan(10);
  });

  it("leaves a bootstrap node alone while it is listed, and calls it when it is gone", () => {
    const core = joining(ONE);
    const one = new Native("one", ONE);
    one.answerCalls(core);
    let hellos = 0;
    for (let second = 0; second < 60; second += 1) {
      hellos += callsTo(core, ONE).filter((type) => type === MessageType.HELLO).length;
      one.answerCalls(core);
      core.run(1_000);
    }
    expect(hellos).toBe(0);
    for (let second = 0; second < 20; second += 1) {
      hellos += callsTo(core, ONE).filter((type) => type === MessageType.HELLO).length;
      replyAll(core, ONE, silence);
      core.run(1_000);
    }
    expect(hellos).toBeGreaterThan(3);
  });

  it("under a name, leaves the node alone that answers there while it is listed by its number", () => {
    const core = joining("one.example");
    const one = new Native("one", "one.example");
    core.ask(MessageType.HELLO, one.greeting(), ONE);
    const byNumber = Object.defineProperty(new Native("one", ONE), "incarnation", { value: 1 });
    one.answerCalls(core);
    for (let second = 0; second < 60; second += 1) {
      expect(callsTo(core, "one.example")).not.toContain(MessageType.HELLO);
      byNumber.answerCalls(core);
      one.answerCalls(core);
      core.run(1_000);
    }
    expect(core.core.presentIds()).toEqual(["one"]);
  });

  it("finds a node there that called us from where we do not reach it", () => {
    const core = joining(ONE);
    const one = new Native("one", ONE);
    core.ask(MessageType.HELLO, one.greeting(), "192.168.0.9");
    one.answerCalls(core);
    expect(core.core.member("one")).toMatchObject({ status: "alive", endpoint: place(ONE) });
  });

  it("through two names of one node meets it once, and both names lead there", () => {
    const core = joining(ONE, "one.example");
    const one = new Native("one", ONE);
    for (const call of core.sent(MessageType.HELLO))
      core.reply(call, answered(one.greetingBack(call)));
    expect(core.open.map(({ to, type }) => [to.address, type])).toEqual([
      [ONE, MessageType.UPDATE],
    ]);
    one.answerCalls(core);
    expect(told(core).map((line) => line.split(" ")[0])).toEqual(["joined", "first-round"]);
    expect(core.core.presentIds()).toEqual(["one"]);
    expect(core.sent(MessageType.HELLO)).toEqual([]);
  });
});
