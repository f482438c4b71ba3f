/** Plans of chaos as JSON: written for a person who wants to see a failure again, read with care. */
import { z } from "zod";
import { DsnError } from "../errors.ts";
import type { ChaosPlan } from "./chaos-plan.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const YEAR_SECONDS = 366 * 24 * 3_600;

const name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);
const names = z.array(name).max(1_000);
const rate = z.number().min(0).max(1);
const delayMs = z.number().min(0).max(MINUTE_MS);
const skewSeconds = z.number().min(-YEAR_SECONDS).max(YEAR_SECONDS);
const link = { from: name, to: name };

const fault = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.enum(["loss", "duplicate", "reorder", "strip"]), rate }),
  z.strictObject({ kind: z.literal("delay"), ms: z.tuple([delayMs, delayMs]) }),
  z.strictObject({ kind: z.literal("slow"), node: name, ms: delayMs }),
  z.strictObject({
    kind: z.enum(["starve", "feed", "clone", "crash", "leave", "pause", "resume"]),
    node: name,
  }),
  z.strictObject({ kind: z.enum(["unclone", "mend"]) }),
  z.strictObject({ kind: z.enum(["no-datagrams", "cut", "send"]), ...link }),
  z.strictObject({ kind: z.literal("partition"), left: names }),
  z.strictObject({ kind: z.literal("block"), ...link, barrier: z.enum(["reject", "silent"]) }),
  z.strictObject({
    kind: z.literal("restart"),
    node: name,
    disk: z.enum(["kept", "unmarked", "lost"]),
    skewSeconds,
  }),
  z.strictObject({ kind: z.literal("clock"), node: name, skewSeconds }),
  z.strictObject({
    kind: z.literal("write"),
    node: name,
    key: z.string(),
    value: z.string().optional(),
  }),
]);

const plan = z.strictObject({
  seed: z.int(),
  names: names.min(1),
  joins: z.record(name, names),
  key: z.string().optional(),
  real: z.boolean(),
  pythons: names,
  liar: name.optional(),
  closesConnections: z.boolean(),
  datagrams: names,
  sessions: names,
  rings: z.int().min(0).max(5).default(0),
  script: z
    .array(z.strictObject({ atMs: z.number().min(0).max(HOUR_MS), what: fault }))
    .max(100_000),
  endMs: z.number().min(0).max(HOUR_MS),
  dead: names,
});

/** A plan as JSON, an act a line. */
export function formatPlan({ script, ...rest }: ChaosPlan): string {
  const head = JSON.stringify(rest, undefined, 2).slice(0, -2);
  const acts = script.map((act) => `    ${JSON.stringify(act)}`).join(",\n");
  return `${head},\n  "script": [\n${acts}\n  ]\n}\n`;
}

/**
 * Reads a plan that {@link formatPlan} wrote, or a person.
 *
 * @param text JSON.
 * @param file Where it comes from, for the error.
 * @throws {DsnError} `DSN_CONFIG`, naming each field that is wrong.
 */
export function parsePlan(text: string, file: string): ChaosPlan {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw cannotRead(file, error instanceof Error ? error.message : String(error));
  }
  const parsed = plan.safeParse(json);
  if (!parsed.success) throw cannotRead(file, z.prettifyError(parsed.error));
  const { data } = parsed;
  const script = [...data.script].sort((a, b) => a.atMs - b.atMs);
  const known = new Set([...data.names, ...data.pythons]);
  for (const { what } of script) {
    const unknown = namedBy(what as Fault).find((node) => !known.has(node));
    if (unknown !== undefined) throw cannotRead(file, `"${unknown}" is not among its names`);
  }
  return { key: undefined, liar: undefined, ...data, script } as ChaosPlan;
}

type Fault = ChaosPlan["script"][number]["what"];

function namedBy(what: Fault): string[] {
  if ("node" in what) return [what.node];
  if ("from" in what) return [what.from, what.to];
  return what.kind === "partition" ? [...what.left] : [];
}

function cannotRead(file: string, why: string): DsnError {
  return new DsnError("DSN_CONFIG", `Cannot use the plan in ${file}`, {
    why,
    fix: ["write it as a failing run of seeds prints it"],
  });
}
