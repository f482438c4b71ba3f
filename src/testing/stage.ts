/**
 * The stage of a run with faults: starts who is in a plan, makes each fault happen at its time, and
 * ends them all.
 * @module
 */
import type { Act, ChaosPlan, Fault } from "./chaos-plan.ts";
import { Liar } from "./liar.ts";
import type { Simulation } from "./simulation.ts";
import { starve } from "./starvation.ts";
import { stripping } from "./stripper.ts";

/** By then all have met: two who joined at once hear of each other within a tick. */
const LIES_FROM_MS = 3_500;
/** An operator looks again whether a new identity was taken. */
const LOOK_AGAIN_MS = 5_000;
/** The second machine with the identity of another: at an address of its own. */
const TWIN_OF = "twin-of-";

/** Acts come in order of time: each lets time pass until it is due. */
export class Stage {
  readonly #simulation: Simulation;
  readonly #plan: ChaosPlan;
  #sends = 0;
  readonly #starved = new Map<string, () => void>();
  /** Nodes that have another identity than before. */
  readonly #reinstalled = new Set<string>();

  constructor(simulation: Simulation, plan: ChaosPlan) {
    this.#simulation = simulation;
    this.#plan = plan;
  }

  start(name: string): void {
    const { joins, key } = this.#plan;
    const datagrams = this.#plan.datagrams.includes(name);
    const sessions = this.#plan.sessions.includes(name);
    this.#simulation.add(name, { join: joins[name] ?? [], key, datagrams, sessions });
  }

  startPython(name: string): void {
    const { key } = this.#plan;
    this.#simulation.addPython(name, { join: ["n0", "n1"], key });
  }

  startLiar(name: string): void {
    this.start(name);
    new Liar(this.#simulation, name).begin(LIES_FROM_MS);
  }

  perform({ atMs, what }: Act): void {
    const { clock } = this.#simulation;
    if (atMs > clock.nowMs) this.#simulation.run(atMs - clock.nowMs);
    this.#apply(what);
  }

  #apply(what: Fault): void {
    const simulation = this.#simulation;
    const { network } = simulation;
    const address = (name: string) => simulation.addressOf(name);
    switch (what.kind) {
      case "loss":
        network.lossRate = what.rate;
        break;
      case "delay":
        network.delayMs = what.ms;
        break;
      case "duplicate":
        network.duplicateRate = what.rate;
        break;
      case "reorder":
        network.reorderRate = what.rate;
        break;
      case "slow":
        network.slow(address(what.node), what.ms);
        break;
      case "starve":
        this.#starved.get(what.node)?.();
        this.#starved.set(what.node, starve(simulation, what.node));
        break;
      case "feed":
        this.#starved.get(what.node)?.();
        this.#starved.delete(what.node);
        break;
      case "clone":
        this.#startTwin(what.node);
        break;
      case "unclone":
        this.#stopTwin();
        break;
      case "strip":
        simulation.carrier.alter = what.rate === 0 ? undefined : stripping(simulation, what.rate);
        break;
      case "partition": {
        const all = [...this.#plan.names, ...this.#plan.pythons];
        const right = all.filter((name) => !what.left.includes(name));
        network.partition(what.left.map(address), right.map(address));
        break;
      }
      case "cut":
        network.cut(address(what.from), address(what.to));
        break;
      case "block":
        network.block(address(what.from), address(what.to), what.barrier);
        break;
      case "no-datagrams":
        network.dropDatagrams(address(what.from), address(what.to));
        break;
      case "mend":
        network.mend();
        break;
      case "crash":
        simulation.crash(what.node);
        break;
      case "leave":
        simulation.leave(what.node);
        break;
      case "restart":
        simulation.restart(what.node, { disk: what.disk, skewSeconds: what.skewSeconds });
        if (what.disk === "lost") this.#reinstalled.add(what.node);
        this.#forgetReinstalled();
        break;
      case "pause":
        simulation.pause(what.node);
        break;
      case "resume":
        simulation.resume(what.node);
        break;
      case "clock":
        simulation.node(what.node).skewSeconds = what.skewSeconds;
        break;
      case "write": {
        const python = simulation.pythons.get(what.node);
        if (python !== undefined) {
          python.write(what.key, what.value ?? "");
          break;
        }
        const node = simulation.node(what.node);
        if (node.running && !node.paused) simulation.write(what.node, what.key, what.value);
        break;
      }
      case "send": {
        this.#sends += 1;
        const node = simulation.node(what.from);
        const data = new TextEncoder().encode(`message ${this.#sends}`);
        if (node.running && !node.paused) simulation.send(what.from, what.to, data);
        break;
      }
    }
  }

  #startTwin(original: string): void {
    const simulation = this.#simulation;
    this.#stopTwin();
    const { joins, key, datagrams, sessions } = this.#plan;
    simulation.promises.cloned(original);
    simulation.add(`${TWIN_OF}${original}`, {
      cloneOf: original,
      join: joins[original] ?? [],
      key,
      datagrams: datagrams.includes(original),
      sessions: sessions.includes(original),
    });
  }

  #stopTwin(): void {
    for (const { name, running } of this.#simulation.nodes.values()) {
      if (running && name.startsWith(TWIN_OF)) this.#simulation.crash(name);
    }
  }

  /** What an operator does after a reinstallation: everybody who knows the old key forgets it. */
  #forgetReinstalled(): void {
    const simulation = this.#simulation;
    for (const nodeId of this.#reinstalled) {
      const { publicKey } = simulation.node(nodeId).disk.keyPair;
      for (const node of simulation.running()) {
        const known = node.disk.pins.get(nodeId);
        const isOld = known !== undefined && Buffer.compare(known, publicKey) !== 0;
        if (isOld) node.step({ kind: "forget", nodeId });
      }
    }
  }

  /** All faults end: what is stopped goes on, what crashed starts again, but for the dead. */
  end(): void {
    const simulation = this.#simulation;
    const { names, dead, endMs } = this.#plan;
    simulation.run(Math.max(0, endMs - simulation.clock.nowMs));
    simulation.network.heal();
    simulation.carrier.alter = undefined;
    for (const feed of this.#starved.values()) feed();
    this.#stopTwin();
    for (const name of names) {
      if (dead.includes(name)) {
        if (simulation.node(name).running) simulation.crash(name);
        continue;
      }
      if (!simulation.node(name).running) simulation.restart(name);
      simulation.resume(name);
      simulation.write(name, "last", `word of ${name}`);
    }
    if (this.#reinstalled.size > 0) {
      // A HELLO that was on its way may have brought the old identity back.
      this.#forgetReinstalled();
      simulation.run(LOOK_AGAIN_MS);
      this.#forgetReinstalled();
    }
    for (const [name, python] of simulation.pythons) python.write("last", `word of ${name}`);
  }
}
