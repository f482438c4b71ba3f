/** A live node on the network in memory: the core alone, without sockets in between. */
import { describe, expect } from "vitest";
import { MemoryNetwork } from "../../src/transport/memory-network.ts";
import { it } from "../helpers/network.ts";
import { describe as describeInput, explain, finish, newRow, progressOf } from "./campaign.ts";
import { inputsOf, randomOf, SEED } from "./settings.ts";
import { Siege } from "./siege.ts";

const HOUR_MS = 3_600_000;
const BURST = 64;
const NAME = "memory";
const OPTIONS = { timeoutMs: 30_000, answerBytesMax: 1024 * 1024 };

describe(`A live node in memory, seed ${SEED}`, () => {
  it.skipIf(inputsOf(NAME) === 0)(
    "memory: takes nothing in, keeps nothing, and serves others afterwards",
    async ({ net }) => {
      const network = new MemoryNetwork();
      const createCarrier = () => network.createCarrier("127.0.0.1", { networkKey: "key" });
      const siege = await Siege.begin(net, { udp: false, sealed: true, createCarrier });
      const attacker = createCarrier();
      const to = { address: "127.0.0.1", port: siege.port };
      const row = newRow(NAME);
      const random = randomOf(NAME);
      const report = progressOf(row);
      while (row.inputs < inputsOf(NAME) && row.findings.length === 0) {
        const shots = Array.from({ length: BURST }, () => siege.nextShot(random));
        const replies = await Promise.all(shots.map((shot) => attacker.request(to, shot, OPTIONS)));
        for (const [index, shot] of shots.entries()) {
          row.inputs++;
          const reply = replies[index];
          if (reply?.kind === "refused") row.refused++;
          else if (reply?.kind === "answer" && siege.wasSaid(shot)) row.read++;
          else {
            row.accepted++;
            const what = JSON.stringify(reply);
            row.findings.push(describeInput(`${what} to a message ${shot.type}`, shot.payload));
          }
        }
        siege.watch();
        report();
      }
      await attacker.close();
      await siege.end(row);
      expect(finish(row).findings, explain(row, "live-memory.test.ts")).toEqual([]);
    },
    HOUR_MS,
  );
});
