/** How long does a small message take while large ones pass to the same peer? */
import type { StreamOrder } from "./commands.ts";
import { type Mesh, withBoth } from "./mesh.ts";
import type { Question, Row } from "./question.ts";
import { percentile } from "./statistics.ts";
import { atMostTimes, type Target } from "./target.ts";

const LARGE_BYTES = 64_000_000;

/** Round trips, in milliseconds. */
interface Streams {
  readonly busy: number[];
  readonly quiet: number[];
}

export const messagesBeside: Question = {
  name: "messages-beside",
  async measure(options) {
    const rounds = options.quick ? 2 : 5;
    const order = { to: 1, bytes: 100, everyMs: 1, forMs: options.quick ? 500 : 2_000 };
    const plan = { question: "messages-beside", processes: 2, options };
    const { dsn, bare } = await withBoth(plan, async (dsnMesh, bareMesh) => {
      const dsn: Streams = { busy: [], quiet: [] };
      const bare: Streams = { busy: [], quiet: [] };
      // The first round is for the compiler of the runtime.
      await Promise.all([stream(dsnMesh, order), stream(bareMesh, order)]);
      await Promise.all([dsnMesh.profile(), bareMesh.profile()]);
      for (let round = 0; round < rounds; round += 1) {
        await add(dsn, dsnMesh, order);
        await add(bare, bareMesh, order);
      }
      return { dsn, bare };
    });
    return {
      title: "100 B every millisecond, while 64 MB after 64 MB pass to the same process",
      columns: ["64 MB pass", "quiet"],
      rows: [
        row("DSN", dsn, 0.5),
        row("DSN", dsn, 0.99, atMostTimes(3)),
        row("bare TLS", bare, 0.5),
        row("bare TLS", bare, 0.99),
      ],
    };
  },
};

type SmallOrder = Omit<StreamOrder, "besideBytes">;

function stream(mesh: Mesh, order: SmallOrder, besideBytes = LARGE_BYTES): Promise<number[]> {
  return mesh.writer.call("stream", { ...order, besideBytes });
}

async function add({ busy, quiet }: Streams, mesh: Mesh, order: SmallOrder): Promise<void> {
  quiet.push(...(await stream(mesh, order, 0)));
  busy.push(...(await stream(mesh, order)));
}

function row(kind: string, { busy, quiet }: Streams, share: number, target?: Target): Row {
  const what = `${kind}, p${share * 100}`;
  const [measured, beside] = [percentile(busy, share), percentile(quiet, share)];
  return { what, unit: "ms", measured, beside, target };
}
