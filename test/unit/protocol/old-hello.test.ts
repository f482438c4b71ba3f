/** A recording of a HELLO must not take the place of the newest one, which is shown to others. */
import { describe, expect, it } from "vitest";
import { MessageType } from "../../../src/wire/message-type.ts";
import { SessionPuppet, sessionCore } from "./session.ts";

describe("A HELLO that somebody plays again", () => {
  it("does not replace a newer one of that node", () => {
    const core = sessionCore();
    const bob = new SessionPuppet("bob", "10.0.0.2").join(core);
    const first = bob.greeting();
    core.ask(MessageType.HELLO, first, bob.address);
    bob.incarnation = 2;
    const second = bob.greeting();
    core.ask(MessageType.HELLO, second, bob.address);
    core.ask(MessageType.HELLO, first, "10.0.0.66");
    expect(core.core.member("bob")?.hello?.bytes).toEqual(second);
  });
});
