/**
 * Makes a plan that fails as short as it can be and still fail in the same way.
 *
 * Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002): ddmin
 * over the script; then nodes, settings and the details of what is left, until nothing can go.
 * @module
 */
import type { Act, ChaosPlan, Fault } from "./chaos-plan.ts";

/** What {@link shrinkPlan} does besides. */
export interface ShrinkOptions {
  /** Runs at most. @default 1000 */
  readonly runsMax?: number | undefined;
  /** Called with each plan that is shorter and fails still. */
  readonly onShorter?: ((plan: ChaosPlan, runs: number) => void) | undefined;
}

/** A plan that fails, and how. */
export interface ShrunkPlan {
  /** The shortest that was found. */
  readonly plan: ChaosPlan;
  /** How it fails. */
  readonly failure: string;
  /** How often a plan was run. */
  readonly runs: number;
}

/** Everybody's bootstrap nodes: without them nobody finds anybody. */
const NEEDED = ["n0", "n1"];

/**
 * Finds a short plan that fails as the given one does.
 *
 * @param failureOf Runs a plan: the message of its failure, or undefined when all promises held.
 * @throws {RangeError} when the plan does not fail to begin with.
 *
 * @example
 * const failureOf = (plan: ChaosPlan) => {
 *   try {
 *     runChaos(plan, loadSignatureEngine);
 *     return undefined;
 *   } catch (error) {
 *     return String(error);
 *   }
 * };
 * const { plan } = shrinkPlan(planChaos(7), failureOf);
 */
export function shrinkPlan(
  plan: ChaosPlan,
  failureOf: (plan: ChaosPlan) => string | undefined,
  options: ShrinkOptions = {},
): ShrunkPlan {
  const shrinker = new Shrinker(plan, failureOf, options);
  let before = "";
  for (let now = shrinker.text; now !== before && shrinker.mayRun; now = shrinker.text) {
    before = now;
    shrinker.shortenScript();
    shrinker.dropNodes();
    shrinker.simplifySettings();
    shrinker.simplifyActs();
  }
  return shrinker.result;
}

/** How a run failed, without what differs from run to run. */
export function failureKind(failure: string): string {
  const [head = "", first = ""] = failure.replace(/^(Error: )?seed \d+: /, "").split("\n");
  const broken = head.startsWith("promises broken");
  const words = (broken ? first : head).trim().split(/[ :]+/);
  // A broken promise begins with who broke it.
  return (broken ? ["broken", ...words.slice(1, 4)] : words.slice(0, 2)).join(" ");
}

class Shrinker {
  #best: ChaosPlan;
  #failure: string;
  #runs = 1;
  readonly #kind: string;
  readonly #failureOf: (plan: ChaosPlan) => string | undefined;
  readonly #options: ShrinkOptions;

  constructor(
    plan: ChaosPlan,
    failureOf: (plan: ChaosPlan) => string | undefined,
    options: ShrinkOptions,
  ) {
    const failure = failureOf(plan);
    if (failure === undefined)
      throw new RangeError(`Cannot shrink: plan ${plan.seed} does not fail`);
    this.#best = plan;
    this.#failure = failure;
    this.#kind = failureKind(failure);
    this.#failureOf = failureOf;
    this.#options = options;
  }

  get text(): string {
    return JSON.stringify(this.#best);
  }

  get mayRun(): boolean {
    return this.#runs < (this.#options.runsMax ?? 1_000);
  }

  get result(): ShrunkPlan {
    return { plan: this.#best, failure: this.#failure, runs: this.#runs };
  }

  /** Takes a plan if it fails in the same way. */
  #try(plan: ChaosPlan): boolean {
    if (!this.mayRun || JSON.stringify(plan) === this.text) return false;
    this.#runs += 1;
    const failure = this.#failureOf(plan);
    if (failure === undefined || failureKind(failure) !== this.#kind) return false;
    this.#best = plan;
    this.#failure = failure;
    this.#options.onShorter?.(plan, this.#runs);
    return true;
  }

  /** Leaves out ever smaller parts. */
  shortenScript(): void {
    for (let size = this.#best.script.length; size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < this.#best.script.length && this.mayRun; ) {
        const { script } = this.#best;
        const rest = [...script.slice(0, from), ...script.slice(from + size)];
        if (!this.#try({ ...this.#best, script: rest })) from += size;
      }
    }
  }

  dropNodes(): void {
    for (const name of this.#best.names) {
      if (!NEEDED.includes(name)) this.#try(without(this.#best, name));
    }
    for (const name of this.#best.pythons) this.#try(without(this.#best, name));
    if (this.#best.liar !== undefined) this.#try({ ...this.#best, liar: undefined });
  }

  simplifySettings(): void {
    const simpler: Partial<ChaosPlan>[] = [
      { real: false },
      { key: undefined },
      { dead: [] },
      { datagrams: [] },
      { sessions: [] },
      { rings: 0 },
      { closesConnections: true },
      { endMs: Math.ceil(this.#best.script.at(-1)?.atMs ?? 1_000) + 1 },
    ];
    for (const change of simpler) this.#try({ ...this.#best, ...change });
    for (const field of ["datagrams", "sessions"] as const) {
      for (const name of this.#best[field]) {
        const rest = this.#best[field].filter((other) => other !== name);
        this.#try({ ...this.#best, [field]: rest });
      }
    }
  }

  simplifyActs(): void {
    for (let index = 0; index < this.#best.script.length; index += 1) {
      for (const simpler of simplerActs(this.#best.script[index])) {
        const script = this.#best.script.with(index, simpler).sort((a, b) => a.atMs - b.atMs);
        if (this.#try({ ...this.#best, script })) break;
      }
    }
  }
}

/** The plan without a node, and without what happens to it. */
function without(plan: ChaosPlan, name: string): ChaosPlan {
  const others = (names: readonly string[]) => names.filter((other) => other !== name);
  const concerns = (what: Fault) => Object.values(what).includes(name);
  const script = plan.script
    .filter(({ what }) => !concerns(what))
    .map(({ atMs, what }) =>
      what.kind === "partition"
        ? { atMs, what: { ...what, left: others(what.left) } }
        : { atMs, what },
    );
  return {
    ...plan,
    script,
    names: others(plan.names),
    pythons: others(plan.pythons),
    datagrams: others(plan.datagrams),
    sessions: others(plan.sessions),
    dead: others(plan.dead),
  };
}

/** The same act with less to read, the simplest first. */
function simplerActs(act: Act | undefined): Act[] {
  if (act === undefined) return [];
  const { what } = act;
  const atMs = Math.max(1_000, Math.round(act.atMs / 1_000) * 1_000);
  const variants: Fault[] = [];
  if (what.kind === "restart") {
    variants.push(
      { ...what, disk: "kept", skewSeconds: 0 },
      { ...what, skewSeconds: 0 },
      { ...what, disk: "kept" },
    );
  } else if (what.kind === "clock") {
    variants.push({ ...what, skewSeconds: Math.sign(what.skewSeconds) * 1_000 });
  } else if ("rate" in what && what.rate > 0) {
    for (const rate of [1, 0.5, 0.1]) if (what.rate !== rate) variants.push({ ...what, rate });
  } else if (what.kind === "write" && what.value !== "v") {
    variants.push({ ...what, key: "k", value: "v" });
  }
  const simpler = variants.filter((variant) => JSON.stringify(variant) !== JSON.stringify(what));
  return [
    ...simpler.map((variant) => ({ atMs, what: variant })),
    ...(atMs === act.atMs ? [] : [{ atMs, what }]),
    ...simpler.map((variant) => ({ atMs: act.atMs, what: variant })),
  ];
}
