/** What goes wrong in one run, as data: made from a seed, shown when the run fails. */
import { seededRandom } from "./random.ts";
import type { Barrier } from "./sim-network.ts";

/** One thing that goes wrong, or that a node does meanwhile. */
export type Fault =
  | { readonly kind: "loss"; readonly rate: number }
  | { readonly kind: "delay"; readonly ms: readonly [number, number] }
  | { readonly kind: "duplicate"; readonly rate: number }
  | { readonly kind: "reorder"; readonly rate: number }
  /** All that the node sends leaves it late; 0 ms ends it. */
  | { readonly kind: "slow"; readonly node: string; readonly ms: number }
  /** It gets too little of its processor: see `starvation.ts`. */
  | { readonly kind: "starve"; readonly node: string }
  | { readonly kind: "feed"; readonly node: string }
  /** A second machine with a copy of its disk, until it is switched off. */
  | { readonly kind: "clone"; readonly node: string }
  | { readonly kind: "unclone" }
  /** Somebody on the wire cuts the block off that share of all HELLOs. */
  | { readonly kind: "strip"; readonly rate: number }
  /** Datagrams between the two do not pass; HTTP does. */
  | { readonly kind: "no-datagrams"; readonly from: string; readonly to: string }
  | { readonly kind: "partition"; readonly left: readonly string[] }
  | { readonly kind: "cut"; readonly from: string; readonly to: string }
  | {
      readonly kind: "block";
      readonly from: string;
      readonly to: string;
      readonly barrier: Barrier;
    }
  /** Ends cuts, blocks and partitions, and lets datagrams pass. */
  | { readonly kind: "mend" }
  | { readonly kind: "crash"; readonly node: string }
  /** It stops, and says goodbye. */
  | { readonly kind: "leave"; readonly node: string }
  | {
      readonly kind: "restart";
      readonly node: string;
      /** Who lost all of it has another identity, and is forgotten by everybody's operator. */
      readonly disk: "kept" | "unmarked" | "lost";
      readonly skewSeconds: number;
    }
  | { readonly kind: "pause"; readonly node: string }
  | { readonly kind: "resume"; readonly node: string }
  /** The wall clock is set while the node runs. */
  | { readonly kind: "clock"; readonly node: string; readonly skewSeconds: number }
  | {
      readonly kind: "write";
      readonly node: string;
      readonly key: string;
      readonly value: string | undefined;
    }
  | { readonly kind: "send"; readonly from: string; readonly to: string };

/** A fault and its time. */
export interface Act {
  /** Milliseconds since the simulation began. */
  readonly atMs: number;
  /** What happens then. */
  readonly what: Fault;
}

/** A network, and all that happens to it. Plain data: it can be shown, cut down and run again. */
export interface ChaosPlan {
  /** What the plan was made from, and what the run takes its chance from. */
  readonly seed: number;
  /** Nodes of ours. */
  readonly names: readonly string[];
  /** Through whom each of them joins. */
  readonly joins: Readonly<Record<string, readonly string[]>>;
  /** Name of the network key, or undefined for none. */
  readonly key: string | undefined;
  /** Real ECDSA. */
  readonly real: boolean;
  /** Peers that behave as the Python implementation does; they start when the others are up. */
  readonly pythons: readonly string[];
  /** One of the nodes lies. */
  readonly liar: string | undefined;
  /** Whether the end of a process closes its connections, as a TCP stack does. */
  readonly closesConnections: boolean;
  /** Nodes that take and send datagrams. */
  readonly datagrams: readonly string[];
  /** Nodes that use sessions. */
  readonly sessions: readonly string[];
  /** As if it were a large network: so many rings on which each node has two neighbours. 0 = no. */
  readonly rings: number;
  /** In order of time. */
  readonly script: readonly Act[];
  /** When the faults end. */
  readonly endMs: number;
  /** Nodes that stay dead. */
  readonly dead: readonly string[];
}

const HOUR_SECONDS = 3_600;
const WRITE_EVERY_MS = 1_500;

/** The same seed gives the same plan. */
export function planChaos(seed: number): ChaosPlan {
  const draw = new Draw(seed);
  const names = Array.from({ length: draw.whole(3, 8) }, (_, index) => `n${index}`);
  const endMs = draw.whole(30_000, 75_000);
  const pythons = draw.chance(0.25) ? ["p0", "p1"].slice(draw.whole(0, 1)) : [];
  // A Python peer believes any member that says it is somebody else.
  const liar = pythons.length === 0 && draw.chance(0.4) ? "liar" : undefined;
  const script: Act[] = [...writes(draw, names, endMs)];
  for (const node of pythons) {
    for (let atMs = 1_500; atMs < endMs; atMs += draw.between(500, 6_000)) {
      const value = `v${Math.round(atMs)}`;
      script.push({ atMs, what: { kind: "write", node, key: draw.one(["a", "b"]), value } });
    }
  }
  for (let atMs = 2_000; atMs < endMs; atMs += draw.between(1_000, 9_000)) {
    script.push(...trouble(draw, { names, pythons, liar }, atMs, endMs));
  }
  script.sort((a, b) => a.atMs - b.atMs);
  // The first two are everybody's bootstrap nodes: without one of them nobody finds anybody.
  const dead = names.length > 3 && draw.chance(0.3) ? names.slice(-1) : [];
  const joins = Object.fromEntries(
    [...names, "liar"].map((name) => [name, ["n0", "n1"].filter((other) => other !== name)]),
  );
  return {
    seed,
    names,
    joins,
    key: draw.chance(0.5) ? "network key" : undefined,
    real: seed % 25 === 7,
    pythons,
    liar,
    closesConnections: draw.chance(0.5),
    datagrams: someNodes(draw, names, [0, 0.6, 1]),
    script: pythons.length > 0 ? withMarks(script) : script,
    endMs,
    dead,
    sessions: someNodes(draw, names, [0, 0.6, 1, 1]),
    rings: draw.one([0, 0, 0, 2, 3]),
  };
}

/**
 * A Python peer tells nobody which version of a state it holds. A node whose clock was ahead keeps its
 * mark, for nothing else may know how far it has to step.
 */
function withMarks(script: readonly Act[]): Act[] {
  const ahead = new Set<string>();
  return script.map((act) => {
    const { what } = act;
    if (what.kind === "clock" && what.skewSeconds > 0) ahead.add(what.node);
    if (what.kind !== "restart" || what.disk !== "unmarked" || !ahead.has(what.node)) return act;
    return { ...act, what: { ...what, disk: "kept" } };
  });
}

/** None, some or all: a network may have both kinds. */
function someNodes(
  draw: Draw,
  names: readonly string[],
  shares: readonly [number, ...number[]],
): readonly string[] {
  const share = draw.one(shares);
  return [...names, "liar"].filter(() => draw.chance(share));
}

class Draw {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed ^ 0x5eed);
  }

  between(min: number, max: number): number {
    return min + this.#random() * (max - min);
  }

  whole(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1));
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  one<T>(items: readonly [T, ...T[]]): T {
    return items[Math.floor(this.#random() * items.length)] ?? items[0];
  }

  two(items: readonly string[]): [string, string] {
    const first = this.whole(0, items.length - 1);
    const second = (first + this.whole(1, items.length - 1)) % items.length;
    return [items[first] ?? "", items[second] ?? ""];
  }
}

function* writes(draw: Draw, names: readonly string[], endMs: number): Generator<Act> {
  let count = 0;
  for (let atMs = 100; atMs < endMs; atMs += draw.between(10, 2 * WRITE_EVERY_MS)) {
    count += 1;
    const [node, other] = draw.two(names);
    if (draw.chance(0.15)) yield { atMs, what: { kind: "send", from: node, to: other } };
    const key = `k${draw.whole(0, 4)}`;
    const value = draw.chance(0.25) ? undefined : `v${count}`;
    // Sometimes several in one turn, or in quick succession.
    const times = draw.chance(0.1) ? 5 : 1;
    for (let time = 0; time < times; time += 1) {
      const text = value === undefined ? undefined : `${value}.${time}`;
      const quickly = atMs + time * draw.one([0, 0.3, 5]);
      yield { atMs: quickly, what: { kind: "write", node, key, value: text } };
    }
  }
}

/** What may happen; twice what happens more often. */
const TROUBLES = [
  "loss",
  "delay",
  "duplicate",
  "reorder",
  "strip",
  "partition",
  "cut",
  "block",
  "no-datagrams",
  "crash",
  "crash",
  "pause",
  "clock",
  "slow",
  "starve",
  "lose-disk",
  "clone",
] as const;

/** One kind of trouble, with its end. */
function trouble(
  draw: Draw,
  { names, pythons, liar }: Pick<ChaosPlan, "names" | "pythons" | "liar">,
  atMs: number,
  endMs: number,
): Act[] {
  const [from, to] = draw.two([...names, ...pythons]);
  const node = draw.one([names[0] ?? "", ...names]);
  const untilMs = Math.min(endMs, atMs + draw.between(500, 20_000));
  const window = (begin: Fault, end: Fault): Act[] => [
    { atMs, what: begin },
    { atMs: untilMs, what: end },
  ];
  switch (draw.one(TROUBLES)) {
    case "loss":
      return window({ kind: "loss", rate: draw.between(0.02, 0.3) }, { kind: "loss", rate: 0 });
    case "delay": {
      const max = draw.one([50, 400, 1_500]);
      return window({ kind: "delay", ms: [1, max] }, { kind: "delay", ms: [1, 10] });
    }
    case "duplicate":
      return window(
        { kind: "duplicate", rate: draw.between(0.05, 0.5) },
        { kind: "duplicate", rate: 0 },
      );
    case "reorder":
      return window(
        { kind: "reorder", rate: draw.between(0.05, 0.5) },
        { kind: "reorder", rate: 0 },
      );
    case "slow": {
      const ms = draw.one([100, 400, 1_500]);
      return window({ kind: "slow", node, ms }, { kind: "slow", node, ms: 0 });
    }
    case "starve":
      return window({ kind: "starve", node }, { kind: "feed", node });
    case "lose-disk": {
      const backMs = Math.min(endMs, atMs + draw.one([50, 900, 5_000]));
      // Python peers and liars hold on to the old identity.
      const disk = pythons.length === 0 && liar === undefined ? "lost" : "unmarked";
      return [
        { atMs, what: { kind: "crash", node } },
        { atMs: backMs, what: { kind: "restart", node, disk, skewSeconds: 0 } },
      ];
    }
    case "clone":
      if (pythons.length > 0 || liar !== undefined) return [];
      return window({ kind: "clone", node }, { kind: "unclone" });
    case "strip":
      return window({ kind: "strip", rate: draw.one([0.3, 1]) }, { kind: "strip", rate: 0 });
    case "partition": {
      const left = [...names, ...pythons].filter(() => draw.chance(0.5));
      return window({ kind: "partition", left }, { kind: "mend" });
    }
    case "cut":
      return window({ kind: "cut", from, to }, { kind: "mend" });
    case "no-datagrams":
      return window({ kind: "no-datagrams", from, to }, { kind: "mend" });
    case "block": {
      const barrier = draw.one<Barrier>(["reject", "silent"]);
      return window({ kind: "block", from, to, barrier }, { kind: "mend" });
    }
    case "crash": {
      const backMs = Math.min(endMs, atMs + draw.one([50, 900, 5_000, 15_000]));
      const disk = draw.chance(0.3) ? "unmarked" : "kept";
      const skewSeconds = draw.chance(0.5) ? -draw.between(0, HOUR_SECONDS) : 0;
      const ends = draw.chance(0.4) ? "leave" : "crash";
      return [
        { atMs, what: { kind: ends, node } },
        { atMs: backMs, what: { kind: "restart", node, disk, skewSeconds } },
      ];
    }
    case "pause": {
      const lasts = draw.one([13_000, draw.between(300, 25_000)]);
      return [
        { atMs, what: { kind: "pause", node } },
        { atMs: Math.min(endMs, atMs + lasts), what: { kind: "resume", node } },
      ];
    }
    case "clock": {
      const skewSeconds = draw.between(-HOUR_SECONDS, HOUR_SECONDS);
      return [{ atMs, what: { kind: "clock", node, skewSeconds } }];
    }
  }
}
