// What the demo tells: from a key to a network that heals, with the times measured on the way.
import { NotInTime, now } from "./crew.mjs";
import { listOf } from "./page.mjs";

/** How long anything may take before the story has failed. */
const STEP_MS = 15_000;

/** @param names Of the nodes: the first one begins, the last one will be killed. */
export async function tellStory({ page, crew, names, aesKeyId }) {
  const [first, second] = names;
  const last = names.at(-1);

  page.begin(
    "Make a network key",
    "Whoever holds it is a member; everything between nodes is encrypted with it.",
    "const aesKey = DSNodeServer.generateKey();",
  );
  page.done(`a key with the id ${aesKeyId}`);

  await startNodes({ page, crew, names });
  await write({ page, crew, names, writer: second });
  await sendMessage({ page, crew, from: first, to: last });
  await killAndHeal({ page, crew, names, victim: last, writer: first });
}

async function startNodes({ page, crew, names }) {
  const [first, ...others] = names;
  page.begin(
    `Start ${names.length} nodes, each a process of its own`,
    "The first needs nobody. The others join through it; there is no broker.",
    [
      `const node = await DSNodeServer.start({ nodeId: "${others[0]}", port: 8001, aesKey,`,
      `  bootstrapNodes: ["127.0.0.1:8000"] });`,
    ],
  );
  const startedAt = now();
  await crew.start(first, {});
  await Promise.all(others.map((name) => crew.start(name, {}, first)));
  for (const name of names) {
    const address = `127.0.0.1:${crew.portOf(name)}`;
    page.done(`${name.padEnd(8)} ${address.padEnd(16)} process ${crew.pidOf(name)}`);
  }
  const seenAt = await everybodySees(crew, names);
  page.done(`from nothing to every node seeing all others`, Math.max(...seenAt) - startedAt);
}

function everybodySees(crew, names) {
  return inTime(
    "every node sees all others",
    names.map((name) => {
      const others = names.filter((other) => other !== name);
      return crew.call(name, "waitForPeers", others, STEP_MS);
    }),
  );
}

async function write({ page, crew, names, writer }) {
  page.begin(
    `Write on ${writer}, read everywhere`,
    "A node writes its own state only; all others hold a live copy of it.",
    [
      codeOn(`node.updateData("temperature", "72.5");`, writer),
      codeOn(`node.readData("${writer}", "temperature");`, "any node"),
    ],
  );
  const readers = names.filter((name) => name !== writer);
  const reading = readers.map((name) =>
    crew.call(name, "waitForKey", writer, "temperature", "72.5", STEP_MS),
  );
  const writtenAt = await crew.call(writer, "write", "temperature", "72.5");
  const seenAt = await inTime(`${listOf(readers)} read it`, reading);
  for (const [index, name] of readers.entries()) {
    page.done(`${name} reads 72.5`, seenAt[index] - writtenAt);
  }
}

async function sendMessage({ page, crew, from, to }) {
  page.begin(
    `Send a message from ${from} to ${to}`,
    "Bytes for one node; the promise resolves when it has them.",
    [
      codeOn("node.setReceiveCb((data, from) => …);", to),
      codeOn(`await node.sendToNode("${to}", "hello there");`, from),
    ],
  );
  const received = crew.event(
    ({ name, event }) => name === to && event === "data",
    `${to} receives it`,
    STEP_MS,
  );
  const sentAt = await crew.call(from, "send", to, "hello there");
  const { text, at } = await received;
  page.done(`${to} received "${text}"`, at - sentAt);
}

async function killAndHeal({ page, crew, names, victim, writer }) {
  const witnesses = names.filter((name) => name !== victim);
  page.begin(
    `Kill ${victim}`,
    "kill -9: no farewell, as in a power cut. The others find out by themselves.",
    codeOn(`node.on("peer:leave", ({ nodeId, reason }) => …);`, "the others"),
  );
  const noticed = witnesses.map((name) =>
    crew.event(
      (event) => event.name === name && event.event === "peer:leave" && event.nodeId === victim,
      `${name} notices that ${victim} is gone`,
      STEP_MS,
    ),
  );
  const killedAt = now();
  await crew.kill(victim);
  for (const { name, at } of await Promise.all(noticed)) {
    page.done(`${name} noticed that ${victim} is gone`, at - killedAt);
  }
  await crew.call(writer, "write", "mode", "eco");
  page.done(`meanwhile ${writer} writes mode = eco`);

  page.begin(
    `Start ${victim} again`,
    "Its identity is on disk: it is the same node, and learns what it missed.",
    codeOn(`await node.waitForKey("${writer}", "mode");`, victim),
  );
  const startedAt = now();
  await crew.start(victim, {}, writer);
  const [caughtUpAt] = await inTime(`${victim} reads what it missed`, [
    crew.call(victim, "waitForKey", writer, "mode", "eco", STEP_MS),
  ]);
  page.done(`${victim} is back and reads mode = eco`, caughtUpAt - startedAt);
  const seenAt = await everybodySees(crew, names);
  page.done(
    `every node sees the ${names.length - 1} others again`,
    Math.max(...seenAt) - startedAt,
  );
}

/** A line of code, and on which node it runs. */
function codeOn(code, node) {
  return `${code.padEnd(50)}// on ${node}`;
}

/** All of them, or an error that says what did not come true. */
async function inTime(what, promises) {
  try {
    return await Promise.all(promises);
  } catch (error) {
    if (error.code !== "DSN_TIMEOUT") throw error;
    throw new NotInTime(`${what} within ${STEP_MS / 1_000} s`, { cause: error });
  }
}
