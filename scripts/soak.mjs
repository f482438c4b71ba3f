// `npm run soak`: real processes under churn, and whether anything is left behind or lost.
//
//     npm run soak -- --minutes 30 --nodes 16
//
// A quarter of the processes, the survivors, are only paused: their memory, sockets and timers are
// what is measured. Ends with 1 when anything is wrong.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readArguments } from "./arguments.mjs";
import { ensureBuilt, ensureInstalled } from "./prepare.mjs";
import { Member } from "./soak/member.mjs";
import { falseLeaves, growth, growthProblems, leakProblems } from "./soak/verdict.mjs";

const text = { type: "string" };
const { number } = readArguments({
  what: "soak",
  usage: "npm run soak -- [--minutes MINUTES] [--nodes COUNT]",
  options: { minutes: text, nodes: text },
});
const minutes = number("minutes", 2, 0.01, 100_000, false);
const nodes = number("nodes", 16, 4, 64);

ensureInstalled();
ensureBuilt();

const FIRST_PORT = 30_100;
const SAMPLE_MS = 5_000;
const REST_MS = 90_000;
const folder = mkdtempSync(join(tmpdir(), "dsn-soak-"));
const aesKey = randomBytes(16).toString("hex");
const members = Array.from({ length: nodes }, (_, index) => {
  const bootstrapNodes = [`127.0.0.1:${FIRST_PORT}`, `127.0.0.1:${FIRST_PORT + 1}`];
  const own = {
    nodeId: `node-${index}`,
    port: FIRST_PORT + index,
    credentialDir: join(folder, `${index}`),
  };
  return new Member({ ...own, networkIp: "127.0.0.1", aesKey, bootstrapNodes });
});
const survivors = members.slice(0, Math.max(2, nodes >> 2));
const samples = new Map(survivors.map(({ id }) => [id, []]));
const done = { writes: 0, messages: 0, kills: 0, stops: 0, pauses: 0, "marks lost": 0 };
const problems = [];

const end = (code) => {
  for (const { child } of members) child?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
};
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => end(1));

const below = (count) => Math.floor(Math.random() * count);
const idle = () => members.filter(({ busy, paused }) => !busy && !paused);

/** Nobody else touches the member meanwhile. */
async function alone(member, act) {
  member.busy = true;
  try {
    await act();
  } finally {
    member.busy = false;
  }
}

async function restart(member, end) {
  const over = member.disturb();
  await end();
  await sleep(below(4_000));
  if (below(3) === 0) {
    member.loseMark();
    done["marks lost"] += 1;
  }
  await member.start();
  over();
}

async function disturbOne() {
  const member = idle()[below(idle().length)];
  if (member === undefined) return;
  const what = survivors.includes(member) ? 2 : below(3);
  done[["kills", "stops", "pauses"][what]] += 1;
  await alone(member, () => {
    if (what === 2) return member.pause(2_000 + below(6_000));
    return restart(member, () => (what === 0 ? member.kill() : member.stop()));
  });
}

async function chatter(untilMs) {
  while (performance.now() < untilMs) {
    const [from, to] = [idle()[below(idle().length)], members[below(nodes)]];
    if (from !== undefined) {
      await alone(from, async () => {
        await from.write(`${from.id} ${done.writes++}`);
        await from.call("send", to.id, "x".repeat(1 + below(2_000)));
        done.messages += 1;
      });
    }
    await sleep(50);
  }
}

async function churn(untilMs) {
  const running = new Set();
  while (performance.now() < untilMs) {
    const one = disturbOne().finally(() => running.delete(one));
    running.add(one);
    await sleep(1_000 + below(3_000));
  }
  await Promise.all(running);
}

async function sampling(untilMs) {
  while (performance.now() < untilMs) {
    for (const member of survivors) {
      if (!member.busy && !member.paused) samples.get(member.id).push(await member.sample());
    }
    await sleep(SAMPLE_MS);
  }
}

/** Undefined once every node reads the newest state of every other. */
async function lost() {
  const ids = members.map(({ id }) => id);
  for (const member of members) {
    const read = await member.call("read", ids);
    const wrong = members.findIndex(({ value }, index) => read[index] !== value);
    if (wrong >= 0) {
      return `${member.id} reads "${read[wrong]}" of ${ids[wrong]}, not "${members[wrong].value}"`;
    }
  }
  return undefined;
}

async function settled(look, withinMs) {
  const startMs = performance.now();
  for (;;) {
    const problem = await look();
    if (problem === undefined) return { ms: performance.now() - startMs };
    if (performance.now() - startMs > withinMs) return { problem };
    await sleep(500);
  }
}

async function leaked() {
  for (const member of survivors) {
    const [first] = leakProblems(member.id, await member.sample(), nodes);
    if (first !== undefined) return first;
  }
  return undefined;
}

try {
  await members[0].start();
  await Promise.all(members.slice(1).map((member) => member.start()));
  const formed = await settled(lost, 60_000);
  if (formed.problem !== undefined) throw new Error(`the network did not form: ${formed.problem}`);
  console.log(`${nodes} processes formed a network; ${minutes} minutes of churn`);
  const untilMs = performance.now() + minutes * 60_000;
  await Promise.all([churn(untilMs), chatter(untilMs), sampling(untilMs)]);
  const states = await settled(lost, 30_000);
  const rest = await settled(leaked, REST_MS);
  problems.push(...falseLeaves(members), ...members.flatMap((member) => member.problems));
  if (states.problem !== undefined) problems.push(`lost state: ${states.problem}`);
  if (rest.problem !== undefined) problems.push(`left behind: ${rest.problem}`);
  for (const [id, taken] of samples) problems.push(...growthProblems(id, taken));
  console.log(
    Object.entries(done)
      .map(([what, count]) => `${count} ${what}`)
      .join(", "),
  );
  for (const member of survivors) {
    const taken = samples.get(member.id);
    const [mb, last] = [(bytes) => (bytes / 2 ** 20).toFixed(2), await member.sample()];
    console.log(
      `${member.id}: heap ${mb(last.heap)} MB (${mb(growth(taken, "heap"))} grown), RSS ${mb(last.rss)} MB (${mb(growth(taken, "rss"))} grown), ${last.sockets} sockets, ${last.timers} timers, ${last.fds} descriptors`,
    );
  }
  if (states.ms !== undefined)
    console.log(`all states everywhere ${Math.round(states.ms)} ms after the last change`);
} catch (error) {
  problems.push(String(error));
}
for (const problem of problems) console.log(`✖ ${problem}`);
if (problems.length === 0)
  console.log("✓ nothing lost, nothing left behind, nobody called gone who was there");
end(problems.length === 0 ? 0 : 1);
