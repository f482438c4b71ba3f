/** A live node that is sent garbage by datagram, with the network key and without. */
import { describe, expect } from "vitest";
import { decodeContent } from "../../src/transport/udp-content.ts";
import { encodeInit } from "../../src/transport/udp-datagram.ts";
import { it } from "../helpers/network.ts";
import { fromHex } from "../vectors.ts";
import {
  describe as describeInput,
  explain,
  finish,
  newRow,
  progressOf,
  type Row,
} from "./campaign.ts";
import type { Shot } from "./corpus.ts";
import { mutate, type Random } from "./mutate.ts";
import { inputsOf, randomOf, SEED } from "./settings.ts";
import { Siege } from "./siege.ts";
import { fits, UdpAttacker } from "./udp-shots.ts";

const HOUR_MS = 3_600_000;
/** Small enough for the buffers of the system: what is lost there tries nothing. */
const BURST = 24;
/** Datagrams kept to be changed. */
const TAPPED = 64;

class Attack {
  readonly #siege: Siege;
  readonly #attacker: UdpAttacker;
  readonly #row: Row;
  readonly #random: Random;
  readonly #tapped: Uint8Array[] = [encodeInit(new Uint8Array(16).fill(3))];

  constructor(siege: Siege, attacker: UdpAttacker, row: Row) {
    this.#siege = siege;
    this.#attacker = attacker;
    this.#row = row;
    this.#random = randomOf(row.target);
  }

  async run(): Promise<void> {
    const report = progressOf(this.#row);
    while (this.#row.inputs < inputsOf(this.#row.target) && this.#row.findings.length === 0) {
      const asked = new Map<number, Shot>();
      for (let count = 0; count < BURST; count++) this.#fire(asked);
      await this.#attacker.sync();
      for (const [id, shot] of asked) this.#judge(id, shot);
      this.#attacker.forget();
      this.#siege.watch();
      report();
    }
  }

  /** Half are requests in a good seal, a quarter bad contents in one, a quarter bad datagrams. */
  #fire(asked: Map<number, Shot>): void {
    const attacker = this.#attacker;
    const random = this.#random;
    const shot = this.#siege.nextShot(random);
    const id = attacker.nextId();
    if (!fits(shot)) return;
    const content = attacker.encode(id, shot);
    const way = random();
    if (way < 0.5) {
      asked.set(id, shot);
      attacker.send(attacker.seal(content));
    } else if (way < 0.75) {
      // The id stays: one far ahead ends what its own asker can ask, and nothing else.
      const changed = mutate(content.subarray(4), [content], random).subarray(0, 1_100);
      const odd = Buffer.concat([content.subarray(0, 4), changed]);
      const read = decodeContent(odd);
      if (read?.what === "request") asked.set(id, read);
      else this.#row.refused++;
      attacker.send(attacker.seal(odd));
    } else {
      const sealed = attacker.seal(content);
      this.#tapped.push(sealed);
      if (this.#tapped.length > TAPPED) this.#tapped.splice(1, 1);
      attacker.send(mutate(sealed, this.#tapped, random).subarray(0, 1_400));
      this.#row.refused++;
    }
    this.#row.inputs++;
  }

  #judge(id: number, shot: Shot): void {
    const answer = this.#attacker.answerTo(id);
    if (answer?.what !== "answer") this.#row.refused++;
    else if (this.#siege.wasSaid(shot)) this.#row.read++;
    else {
      this.#row.accepted++;
      this.#row.findings.push(describeInput(`an answer to a message ${shot.type}`, shot.payload));
    }
  }
}

describe(`A live node on UDP, seed ${SEED}`, () => {
  for (const [name, sealed] of [
    ["udp", true],
    ["udp without a key", false],
  ] as const) {
    it.skipIf(inputsOf(name) === 0)(
      `${name}: takes nothing in, keeps nothing, and serves others afterwards`,
      async ({ net }) => {
        const siege = await Siege.begin(net, { udp: true, sealed });
        const networkKey = sealed ? fromHex(net.key ?? "") : undefined;
        const attacker = await UdpAttacker.begin(siege.port, networkKey);
        const row = newRow(name);
        try {
          await new Attack(siege, attacker, row).run();
        } finally {
          attacker.close();
        }
        await siege.end(row);
        expect(finish(row).findings, explain(row, "live-udp.test.ts")).toEqual([]);
      },
      HOUR_MS,
    );
  }
});
