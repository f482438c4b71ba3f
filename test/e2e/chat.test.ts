import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { endAll, ROOT, Running, requireBuild } from "./cli-process.ts";

const directory = mkdtempSync(join(tmpdir(), "dsn-chat-"));
const KEY = "00112233445566778899aabbccddeeff";

beforeAll(requireBuild);
afterEach(endAll);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function chat(args: readonly string[], key = KEY): Running {
  return new Running(join(ROOT, "examples/chat.mjs"), args, {
    cwd: directory,
    env: { NETWORK_KEY: key },
    talks: true,
  });
}

/** Waits until somebody's terminal shows that. */
async function shows(who: Running, text: string): Promise<void> {
  await who.until(text, ({ stdout }) => (stdout.includes(text) ? true : undefined));
}

/** Where others join through somebody. */
function addressOf(who: Running): Promise<string> {
  return who.until("an address", ({ stdout }) => /--join (\S+:\d+)\n/.exec(stdout)?.[1]);
}

describe("examples/chat.mjs", () => {
  it("three terminals talk, see each other come and go, and read what was said of oneself before", async () => {
    const ada = chat(["ada", "--port", "0"]);
    const bob = chat(["bob", "--join", await addressOf(ada)]);
    await Promise.all([shows(ada, "* bob is here"), shows(bob, "* ada is here")]);
    bob.type("/me at lunch");
    await shows(ada, "* bob at lunch");

    const carol = chat(["carol", "--join", await addressOf(bob)]);
    await Promise.all([
      shows(ada, "* carol is here"),
      shows(bob, "* carol is here"),
      shows(carol, "* bob at lunch"),
    ]);

    ada.type("hello everybody");
    await Promise.all([shows(bob, "ada: hello everybody"), shows(carol, "ada: hello everybody")]);
    bob.type("/to ada a secret");
    await shows(ada, "bob to you: a secret");
    bob.type("/me");
    await shows(carol, "* bob has cleared the status");
    carol.type("/who");
    await shows(carol, "* carol (you)\n");

    carol.child.kill("SIGINT");
    const { code, stdout } = await carol.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/\* You have left\n$/);
    expect(stdout).not.toContain("a secret");
    await Promise.all([shows(ada, "* carol has left"), shows(bob, "* carol has left")]);

    bob.child.stdin?.end();
    expect((await bob.ended).code).toBe(0);
    await shows(ada, "* bob has left");
    ada.type("/quit");
    expect(await ada.ended).toMatchObject({ code: 0, stderr: "" });
  });

  it("prints nothing that others could harm a terminal with", async () => {
    const ada = chat(["ada", "--port", "0"]);
    const bob = chat(["bob", "--join", await addressOf(ada)]);
    await shows(bob, "* ada is here");
    bob.type("\u001b[2J\u001b]0;title\u0007red\u202eder \u{1f469}\u200d\u{1f680}");
    await shows(ada, "bob: red\ufffdder \u{1f469}\u200d\u{1f680}");
    bob.type("/me \u001b[31mred\u0008");
    await shows(ada, "* bob red\ufffd");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none.
    expect(ada.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  it("says why it cannot join, and what it cannot do", async () => {
    const ada = chat(["ada", "--port", "0"]);
    const eve = chat(["eve", "--join", await addressOf(ada)], "ff".repeat(16));
    await shows(eve, "its network key is probably not ours\n  compare key ids");
    eve.type("/to ada hi");
    await shows(eve, '! Cannot send to "ada": there is no such node\n  check the id');
    eve.type("anybody?");
    await shows(eve, "! nobody else is here");
    eve.type("/dance");
    await shows(eve, "! there is no /dance");
  });

  it.each([[[]], [["ada", "bob"]], [["ada", "--nope"]]])(
    "%j: says how it is used",
    async (args) => {
      const { code, stderr } = await chat(args).ended;
      expect(code).toBe(2);
      expect(stderr).toContain("node examples/chat.mjs NAME");
    },
  );
});
