// A chat without a server: every terminal is a node.
//
//   node examples/chat.mjs ada
//   node examples/chat.mjs bob --join 127.0.0.1:8000
//
// A line goes to everybody as a message. What you are doing (`/me at lunch`) stands in your own
// state instead, so that whoever comes later reads it too. /help says the rest; Ctrl-C leaves.
import { clearScreenDown, createInterface, cursorTo, moveCursor } from "node:readline";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { DSNodeServer, DsnError } from "distributed-state-network";

const USAGE = `node examples/chat.mjs NAME [--join HOST:PORT]... [--port N] [--host ADDRESS]
  --join   somebody who is there already (repeatable)
  --port   where others join through you; 8000 for the first, else any free one
  --host   the address of this machine that others call; 127.0.0.1 unless you say so
NETWORK_KEY in the environment encrypts everything; make one with: npx dsn keygen`;

const HELP = `  hello            says hello to everybody
  /to bob hello    says it to bob alone
  /me at lunch     tells what you are doing; /me alone takes it back
  /who             who is here
  /quit            leaves, as Ctrl-C does`;

const TEXT_MAX = 2_000;

// ---- the screen -------------------------------------------------------------------------------

const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
const colors = process.stdout.isTTY === true && !process.env.NO_COLOR;
const paint = (code, text) => (colors ? `\u001b[${code}m${text}\u001b[0m` : text);
const dim = (text) => paint(2, text);

/** Each name has its colour, the same in every terminal. */
function nameOf(nodeId) {
  const sum = [...nodeId].reduce((total, letter) => total * 31 + letter.codePointAt(0), 7);
  return paint(31 + (sum % 6), safe(nodeId));
}

/** What others wrote can hold anything: sequences that clear a screen, lines that look like ours. */
function safe(text) {
  const plain = stripVTControlCharacters(text.slice(0, TEXT_MAX));
  // A joiner is harmless, and families of emoji are made with it.
  return plain.replace(/(?!\u200d)[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
}

let screen;

/** Prints above the line that is being typed, which may have grown over several rows. */
function show(text) {
  if (!isTerminal || screen === undefined) {
    console.log(text);
    return;
  }
  const { line, cursor } = screen;
  moveCursor(process.stdout, 0, -screen.getCursorPos().rows);
  cursorTo(process.stdout, 0);
  clearScreenDown(process.stdout);
  process.stdout.write(`${text}\n${screen.getPrompt()}${line}`);
  moveCursor(process.stdout, cursor - line.length, 0);
}

const tell = (text) => show(`${dim("*")} ${text}`);
const complain = (text) => show(`${paint(33, "!")} ${text}`);

/** One line of what is wrong, one of what to do. Behind "nobody let us in" is the first reason. */
function explain(error) {
  const { message, fix } = error.causes[0] ?? error;
  complain(fix.length > 0 ? `${message}\n  ${dim(fix[0])}` : message);
}

// ---- the node ---------------------------------------------------------------------------------

const { name, options } = readArguments();
const node = makeNode();

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        join: { type: "string", multiple: true, default: [] },
        port: { type: "string" },
        host: { type: "string", default: "127.0.0.1" },
      },
    });
    if (positionals.length === 1) return { name: positionals[0], options: values };
  } catch (error) {
    console.error(error.message);
  }
  console.error(USAGE);
  process.exit(2);
}

function makeNode() {
  try {
    return new DSNodeServer({
      nodeId: name,
      port: Number(options.port ?? (options.join.length > 0 ? 0 : 8_000)),
      networkIp: options.host,
      bootstrapNodes: options.join,
      aesKey: process.env.NETWORK_KEY,
      credentialDir: process.env.CREDENTIAL_DIR ?? "credentials",
    });
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  if (!(error instanceof DsnError)) throw error;
  explain(error);
  process.exit(1);
}

node.on("peer:join", ({ nodeId, rejoined }) =>
  tell(`${nameOf(nodeId)} is ${rejoined ? "back" : "here"}`),
);
node.on("peer:leave", ({ nodeId }) => tell(`${nameOf(nodeId)} has left`));
node.on("state:update", ({ nodeId, current, removed }) => {
  if (current.status !== undefined) tell(`${nameOf(nodeId)} ${safe(current.status)}`);
  else if (removed.includes("status")) tell(`${nameOf(nodeId)} has cleared the status`);
});
node.on("data", ({ from, data }) => {
  const message = readMessage(data);
  if (message === undefined) complain(`${nameOf(from)} sent something that is no message`);
  else show(`${nameOf(from)}${message.alone ? dim(" to you") : ""}: ${safe(message.text)}`);
});
node.on("warning", ({ error, resolved }) =>
  resolved ? tell(`over: ${error.message}`) : explain(error),
);

function readMessage(data) {
  try {
    const { text, alone } = JSON.parse(Buffer.from(data).toString());
    return typeof text === "string" ? { text, alone: alone === true } : undefined;
  } catch {
    return undefined;
  }
}

// ---- what one can type ------------------------------------------------------------------------

const commands = {
  async say(text) {
    const results = await node.broadcast(JSON.stringify({ text }));
    if (results.size === 0) complain("nobody else is here");
    for (const result of results.values()) if (!result.ok) explain(result.error);
  },
  async to(text) {
    const [nodeId = "", ...words] = text.split(" ");
    await node.sendToNode(nodeId, JSON.stringify({ text: words.join(" "), alone: true }));
  },
  me(text) {
    if (text === "") node.deleteKey("status");
    else node.updateData("status", text);
  },
  who() {
    for (const nodeId of node.peers()) {
      const status = safe(node.readData(nodeId, "status") ?? "");
      tell(`${nameOf(nodeId)}${nodeId === name ? dim(" (you)") : ""} ${status}`.trimEnd());
    }
  },
  help: () => show(HELP),
  quit: () => screen.close(),
};

async function typed(line) {
  const text = line.trim();
  if (text === "") return;
  const [, command = "say", rest = text] = /^\/(\S*) *(.*)$/.exec(text) ?? [];
  try {
    if (Object.hasOwn(commands, command)) await commands[command](rest);
    else complain(`there is no /${command}; /help says what there is`);
  } catch (error) {
    if (!(error instanceof DsnError)) throw error;
    explain(error);
  }
}

// ---- from beginning to end --------------------------------------------------------------------

tell(`You are ${nameOf(name)}. /help says what you can type`);
await node.start().catch(fail);
tell(`Others join with: --join ${options.host}:${node.port}`);
if (node.keyId === undefined) tell("Not encrypted: anybody on the way can read along");

screen = createInterface({
  input: process.stdin,
  output: isTerminal ? process.stdout : undefined,
  prompt: `${nameOf(name)}: `,
});
screen.on("line", (line) => {
  if (isTerminal) screen.prompt();
  void typed(line);
});
screen.on("SIGINT", () => screen.close());
process.once("SIGINT", () => screen.close());
screen.on("close", async () => {
  screen = undefined;
  await node.stop();
  console.log(`${isTerminal ? "\n" : ""}${dim("*")} You have left`);
  process.stdin.destroy();
});
if (isTerminal) screen.prompt();
