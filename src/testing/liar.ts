/**
 * A member that lies: it has a valid identity of its own and every message that it has seen.
 *
 * Behind it runs an honest core, so that it is let in; what it says is corrupted on the way out,
 * and every now and then it says something that nobody asked for.
 * @module
 */
import type { Outcome, Reply } from "../wire/exchange.ts";
import { decodeHello, encodeHello, helloSignedPart } from "../wire/hello.ts";
import { MessageType } from "../wire/message-type.ts";
import { isNativeType } from "../wire/native-type.ts";
import { encodePeers, type PeerEntry, peersSignedPart } from "../wire/peers.ts";
import { decodeStatePacket, encodeStatePacket, stateSignedPart } from "../wire/state-packet.ts";
import { NativeLiar } from "./native-liar.ts";
import { type Passing, SIM_PORT, type SimRequest } from "./sim-carrier.ts";
import type { SimNode } from "./sim-node.ts";
import type { Simulation } from "./simulation.ts";

/** Share of its answers that are lies. */
const LIES_RATE = 0.4;
/** Share of the requests between others that it gets hold of and answers itself. */
const STOLEN_RATE = 0.02;
const PAUSE_MS: readonly [number, number] = [100, 700];
const SEEN_MAX = 400;
const BOGUS_NAMES = 60;

type Seen = { readonly type: MessageType; readonly payload: Uint8Array };

/**
 * Turns a node of a simulation into one that lies: it forges, replays, mixes up and makes up. What
 * the others promise must hold nevertheless.
 */
export class Liar {
  readonly #simulation: Simulation;
  readonly #name: string;
  /** Requests that passed by, its own included. */
  readonly #requests: Seen[] = [];
  readonly #answers: Seen[] = [];
  readonly #native: NativeLiar;
  #bogus = 0;

  /**
   * Takes a node that stays honest until {@link begin}.
   *
   * @param name Of the node, which is to be added under it.
   */
  constructor(simulation: Simulation, name: string) {
    this.#simulation = simulation;
    this.#name = name;
    this.#native = new NativeLiar(simulation, name);
    simulation.liars.add(name);
  }

  /**
   * Lies from then on.
   *
   * @param afterMs The others should have met by then: whoever claims a name first keeps it, as
   *   keys are trusted on first use.
   */
  begin(afterMs: number): void {
    const { carrier, clock, sessions } = this.#simulation;
    carrier.tap = (passing, reply) => this.#see(passing, reply);
    sessions.tap = (passing, reply) => this.#native.saw(passing, reply);
    clock.in(afterMs, () => {
      carrier.tamper = (passing) => this.#steal(passing);
      this.#node.corrupt = (request, outcome) => this.#corrupt(request, outcome);
      this.#again();
    });
  }

  get #node(): SimNode {
    return this.#simulation.node(this.#name);
  }

  /** It wiretaps the whole network: that is what a replay needs at worst. */
  #see({ type, payload }: Passing, reply: Reply | undefined): void {
    if (reply !== undefined && reply.kind !== "answer") return;
    const seen = reply?.payload ?? payload;
    keep(reply === undefined ? this.#requests : this.#answers, { type, payload: seen });
    if (type === MessageType.HELLO)
      this.#native.sawHello(seen, reply === undefined ? "request" : "answer");
  }

  /** Now and then it sits on the wire: the answer to somebody else's request is its own. */
  #steal({ type, from, to }: Passing): Reply | undefined {
    const others = from !== this.#node && to !== undefined && to !== this.#node;
    if (!others || this.#simulation.random() > STOLEN_RATE) return undefined;
    const payload =
      type === MessageType.UPDATE ? this.#forgedStateOf(to.nodeId) : this.#answerTo(type);
    return payload === undefined ? undefined : { kind: "answer", payload };
  }

  #again(): void {
    const { clock, random } = this.#simulation;
    const [min, max] = PAUSE_MS;
    clock.in(min + random() * (max - min), () => {
      this.#lie();
      this.#again();
    });
  }

  #one<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#simulation.random() * items.length)];
  }

  #number(max: number): number {
    return Math.floor(this.#simulation.random() * max);
  }

  // ---- saying what nobody asked for -----------------------------------------------------------

  #lie(): void {
    const victim = this.#one(this.#simulation.running());
    if (victim === undefined) return;
    if (this.#native.isAble && this.#number(3) > 0) {
      this.#native.lie(victim);
      return;
    }
    switch (this.#number(7)) {
      case 0:
        this.#tell(victim, MessageType.UPDATE, this.#forgedState());
        break;
      case 1:
        this.#tell(victim, MessageType.UPDATE, this.#ownState());
        break;
      case 2:
        // Its owner may be the victim itself.
        this.#tell(victim, MessageType.UPDATE, this.#oldState());
        break;
      case 3:
        this.#tell(victim, MessageType.HELLO, this.#old(this.#requests, MessageType.HELLO));
        break;
      case 4:
        this.#tell(victim, MessageType.HELLO, this.#stolenName());
        break;
      case 5:
        this.#tell(victim, MessageType.DATA, this.#old(this.#requests, MessageType.DATA));
        break;
      case 6: {
        const any = this.#one(this.#requests);
        if (any !== undefined) this.#tell(victim, any.type, any.payload);
        break;
      }
    }
  }

  #tell(victim: SimNode, type: MessageType, payload: Uint8Array | undefined): void {
    if (payload === undefined) return;
    const call = { address: victim.address, port: victim.port, type, payload, timeoutMs: 2_000 };
    this.#simulation.carrier.request(this.#node, call, () => undefined);
  }

  // ---- lying when asked -----------------------------------------------------------------------

  #corrupt(request: SimRequest, outcome: Outcome): Outcome {
    const { type } = request;
    if (this.#simulation.random() > LIES_RATE) return outcome;
    const lie = isNativeType(type) ? this.#native.answer(type, outcome) : this.#answerTo(type);
    return lie === undefined ? outcome : { kind: "answer", payload: lie };
  }

  #answerTo(type: MessageType): Uint8Array | undefined {
    switch (type) {
      case MessageType.HELLO:
        // It says that it is somebody else.
        return this.#one([this.#old(this.#answers, type), this.#stolenName()]);
      case MessageType.PEERS:
        return this.#one([this.#bogusList(), this.#old(this.#answers, type)]);
      case MessageType.UPDATE:
        return this.#one([
          this.#forgedState(),
          this.#oldState(),
          this.#ownState(),
          this.#simulation.entropy(40),
        ]);
      case MessageType.PING:
      case MessageType.DATA:
        return undefined;
    }
  }

  #old(from: readonly Seen[], type: MessageType): Uint8Array | undefined {
    return this.#one(from.filter((seen) => seen.type === type))?.payload;
  }

  /** A state that its owner did sign, of any age. */
  #oldState(): Uint8Array | undefined {
    return this.#old(this.#one([this.#requests, this.#answers]) ?? [], MessageType.UPDATE);
  }

  #forgedStateOf(nodeId: string): Uint8Array | undefined {
    const unsigned = { nodeId, version: this.#node.unixSeconds, text: '{"forged": "yes"}' };
    const signature = this.#sign(stateSignedPart(unsigned));
    return encodeStatePacket({ ...unsigned, signature });
  }

  /** A state of somebody else: with a signature of our own, a random one, or a changed text. */
  #forgedState(): Uint8Array | undefined {
    const old = this.#oldState();
    if (old === undefined || old.length === 0) return undefined;
    let packet: ReturnType<typeof decodeStatePacket>["packet"];
    try {
      ({ packet } = decodeStatePacket(old));
    } catch {
      return undefined;
    }
    const { nodeId } = packet;
    if (nodeId === this.#node.nodeId) return undefined;
    const version = packet.version + this.#number(100);
    const unsigned = { nodeId, version, text: '{"forged": "yes"}' };
    switch (this.#number(3)) {
      case 0:
        return encodeStatePacket({ ...unsigned, signature: this.#sign(stateSignedPart(unsigned)) });
      case 1:
        return encodeStatePacket({ ...unsigned, signature: this.#simulation.entropy(64) });
      default:
        return encodeStatePacket({ ...packet, text: '{"forged": "yes"}' });
    }
  }

  /** Its own state may say anything: it is the owner. */
  #ownState(): Uint8Array {
    const version = this.#one([
      Number.POSITIVE_INFINITY,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      1e300,
      Number.MAX_VALUE,
      -1,
      this.#node.unixSeconds,
    ]);
    const text = this.#one(['{"mine": "1"}', "{}", "[]", "{", '{"a": 1e999, "__proto__": null}']);
    const unsigned = { nodeId: this.#node.nodeId, version: version ?? 0, text: text ?? "{}" };
    const message = stateSignedPart(unsigned);
    this.#simulation.promises.signed(unsigned.nodeId, message);
    return encodeStatePacket({ ...unsigned, signature: this.#sign(message) });
  }

  /** A HELLO under a name of another node, or a new one, with a key of its own. */
  #stolenName(): Uint8Array | undefined {
    const old = this.#old(this.#requests, MessageType.HELLO);
    if (old === undefined) return undefined;
    const { hello } = decodeHello(old);
    const { publicKey } = this.#node.disk.keyPair;
    const stolen = { ...hello, publicKey, address: this.#node.address, detectedAddress: "" };
    return encodeHello({ ...stolen, signature: this.#sign(helloSignedPart(stolen)) });
  }

  #bogusList(): Uint8Array {
    const nodes = [...this.#simulation.nodes.values()];
    const entries: PeerEntry[] = nodes.map(({ nodeId, address }) => ({
      nodeId,
      address: this.#one([address, this.#node.address, "10.255.255.1", "/admin?x="]) ?? "",
      port: SIM_PORT,
    }));
    for (let index = 0; index < BOGUS_NAMES; index += 1) {
      this.#bogus += 1;
      const real = this.#one(nodes);
      entries.push({
        nodeId: `bogus${this.#bogus}`,
        address: this.#one([real?.address, "10.255.0.2", "localhost"]) ?? "",
        port: this.#one([SIM_PORT, 1, 0, 70_000]) ?? 0,
      });
    }
    const unsigned = { nodeId: this.#node.nodeId, entries };
    return encodePeers({ ...unsigned, signature: this.#sign(peersSignedPart(unsigned)) });
  }

  #sign(message: Uint8Array): Uint8Array {
    const { engine, entropy } = this.#simulation;
    return engine.sign(this.#node.disk.keyPair.privateKey, "python", message, entropy(32));
  }
}

function keep(seen: Seen[], message: Seen): void {
  seen.push(message);
  if (seen.length > SEEN_MAX) seen.splice(0, SEEN_MAX / 4);
}
