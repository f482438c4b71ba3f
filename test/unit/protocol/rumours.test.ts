/** Whom others suspect, in a large network: passed on once, and together. */
import { describe, expect, it } from "vitest";
import { Kernel } from "../../../src/protocol/kernel.ts";
import type { Member } from "../../../src/protocol/member.ts";
import { Members } from "../../../src/protocol/members.ts";
import { Overlay } from "../../../src/protocol/overlay.ts";
import { Rumours } from "../../../src/protocol/rumours.ts";
import { DEFAULT_SETTINGS } from "../../../src/protocol/settings.ts";
import { wholePayload } from "../../../src/wire/exchange.ts";
import { decodeAlive } from "../../../src/wire/native-alive.ts";

const MOST_IN_ONE = 64;

function setUp(count: number) {
  const kernel = new Kernel({
    settings: DEFAULT_SETTINGS,
    random: () => 0.5,
    entropy: (length) => new Uint8Array(length),
  });
  const members = new Members(kernel);
  const overlay = new Overlay({
    kernel,
    members,
    nodeId: "me",
    onLink: () => undefined,
    onFull: () => undefined,
  });
  const native = { incarnation: "00", issued: 1, features: [], sessions: true, addresses: [] };
  for (let index = 0; index < count; index += 1) {
    const member = members.add(`n${index}`, new Uint8Array(64)) as Member;
    member.native = native;
    members.setStatus(member, "alive", undefined);
  }
  const asked: string[] = [];
  const rumours = new Rumours(kernel, members, overlay, ({ nodeId }) => asked.push(nodeId));
  const links = [...overlay.links];
  kernel.takeEffects();
  /** What was told since the last look: the suspects, by whom it was told to. */
  const told = () =>
    kernel.takeEffects().flatMap((effect) => {
      if (effect.kind !== "request") return [];
      const suspects = decodeAlive(wholePayload(effect));
      return effect.targets.map(({ to }) => ({ to: to.peer?.nodeId ?? "", suspects }));
    });
  return { kernel, members, overlay, rumours, asked, links, told };
}

describe("Suspicions of others", () => {
  it("that come in one message are passed on in one to each neighbour", () => {
    const { rumours, asked, links, members, told } = setUp(200);
    const [from] = links as [Member];
    const suspects = members
      .all()
      .filter((member) => !links.includes(member))
      .slice(0, MOST_IN_ONE)
      .map(({ nodeId }) => nodeId);
    rumours.hear(suspects, from);
    expect(asked).toEqual(suspects);
    const messages = told();
    expect(messages.map(({ to }) => to).sort()).toEqual(
      links
        .filter((link) => link !== from)
        .map(({ nodeId }) => nodeId)
        .sort(),
    );
    for (const message of messages) expect(message.suspects).toEqual(suspects);
    rumours.hear(suspects, from);
    expect(told()).toEqual([]);
  });

  it("are passed on to nobody about itself", () => {
    const { rumours, links, told } = setUp(200);
    const [from, suspect, other] = links as [Member, Member, Member];
    rumours.hear([suspect.nodeId, other.nodeId], from);
    const messages = told();
    expect(messages.length).toBe(links.length - 1);
    for (const { to, suspects } of messages) expect(suspects).not.toContain(to);
  });

  it("of a node that has never answered is a reason to ask it, and passed on to nobody", () => {
    const { rumours, asked, links, members, told } = setUp(200);
    const [from] = links as [Member];
    const ghost = members.all().find((member) => !links.includes(member)) as Member;
    ghost.provisional = true;
    rumours.hear([ghost.nodeId], from);
    rumours.tellAll(ghost);
    rumours.tellSome(ghost);
    expect(asked).toEqual([ghost.nodeId]);
    expect(told()).toEqual([]);
  });
});
