/**
 * What a core is put together from, and who calls whom.
 *
 * Parts that know each other only by what happens are tied by functions: a part calls one when it
 * runs, never while it is made, so that they may be made in any order.
 * @module
 */
import { Alerts } from "./alerts.ts";
import { Answering } from "./answering.ts";
import type { CoreOptions } from "./core-options.ts";
import { Directory } from "./directory.ts";
import { Enrolment } from "./enrolment.ts";
import { Goodbye } from "./goodbye.ts";
import { Greeting } from "./greeting.ts";
import { Isolation } from "./isolation.ts";
import { Joining } from "./joining.ts";
import { Kernel } from "./kernel.ts";
import { LastWrites } from "./last-writes.ts";
import { Liveness } from "./liveness.ts";
import { Looks } from "./looks.ts";
import { isPresent } from "./member.ts";
import { Members } from "./members.ts";
import { Messaging } from "./messaging.ts";
import { NativeReplication } from "./native-replication.ts";
import { NativeServing } from "./native-serving.ts";
import { Overlay } from "./overlay.ts";
import { OwnSightings } from "./own-sightings.ts";
import { OwnState } from "./own-state.ts";
import { PeerLists } from "./peer-lists.ts";
import { PeerMemory } from "./peer-memory.ts";
import { RelayedGreeting } from "./relayed-greeting.ts";
import { Relays } from "./relays.ts";
import { Replication } from "./replication.ts";
import { Self } from "./self.ts";
import { Senders } from "./senders.ts";
import { DEFAULT_SETTINGS, LIMITS } from "./settings.ts";
import { Trust } from "./trust.ts";
import { Twins } from "./twins.ts";
import { Welcome } from "./welcome.ts";

export class CoreParts {
  readonly kernel: Kernel;
  readonly own: OwnState;
  readonly self: Self;
  readonly members: Members;
  readonly isolation: Isolation;
  readonly memory: PeerMemory;
  readonly alerts: Alerts;
  readonly trust: Trust;
  readonly #greeting: Greeting;
  readonly replication: Replication;
  readonly joining: Joining;
  readonly liveness: Liveness;
  readonly messaging: Messaging;
  readonly goodbye: Goodbye;
  readonly answering: Answering;
  readonly overlay: Overlay;
  readonly #options: CoreOptions;
  readonly #senders: Senders;
  readonly #enrolment: Enrolment;
  readonly #relayedGreeting: RelayedGreeting;
  readonly #sightings: OwnSightings;
  readonly #native: NativeReplication;
  readonly #lastWrites: LastWrites;
  readonly #peerLists: PeerLists;
  readonly #looks: Looks;
  readonly #directory: Directory;
  readonly #relays: Relays;

  constructor(options: CoreOptions) {
    const { nodeId, pins = new Map(), whitelist = [], natives, keyId, mark = 0 } = options;
    this.#options = options;
    const settings = { ...DEFAULT_SETTINGS, ...options.settings };
    const kernel = new Kernel({ settings, random: options.random, entropy: options.entropy });
    this.kernel = kernel;
    this.own = new OwnState(mark);
    this.self = this.#makeSelf(mark);
    this.members = new Members(kernel);
    const { own, self, members } = this;
    this.isolation = new Isolation(kernel, members);
    this.memory = new PeerMemory(kernel, members, nodeId, options.remembered ?? []);
    this.alerts = new Alerts(kernel);
    this.trust = new Trust(kernel, nodeId, pins, whitelist, natives);
    const { alerts, trust } = this;
    this.overlay = this.#makeOverlay();
    this.#senders = new Senders(kernel, nodeId, members, trust);
    const enrolment = new Enrolment(kernel, self, members, trust, alerts);
    this.#enrolment = enrolment;
    const twins = new Twins(self, alerts);
    const hello = { kernel, self, members, trust, alerts, enrolment, twins };
    this.#greeting = new Greeting({ ...hello, keyId });
    const welcome = new Welcome({ ...hello, onContested: (member) => this.#looks.at(member) });
    this.#relayedGreeting = new RelayedGreeting(kernel, self, trust, enrolment);
    this.#sightings = new OwnSightings(kernel, own, alerts, nodeId);
    this.#native = this.#makeNativeReplication();
    this.#lastWrites = new LastWrites(kernel, own, this.#native.push);
    this.replication = this.#makeReplication();
    this.#peerLists = new PeerLists(kernel, self, members, trust, this.#senders, alerts);
    this.#looks = this.#makeLooks();
    this.#directory = this.#makeDirectory();
    this.#relays = this.#makeRelays();
    this.joining = this.#makeJoining();
    this.liveness = this.#makeLiveness();
    this.messaging = this.#makeMessaging();
    this.goodbye = this.#makeGoodbye();
    this.answering = this.#makeAnswering(welcome);
    this.members.onNews = (member) => this.#native.news.arrived(member);
  }

  #makeSelf(mark: number): Self {
    const { nodeId, publicKey, port, networkIp, candidates = [], features = [] } = this.#options;
    const options = { nodeId, publicKey, port, candidates, networkIp, features };
    return new Self(this.kernel, options, mark);
  }

  #makeOverlay(): Overlay {
    return new Overlay({
      kernel: this.kernel,
      members: this.members,
      nodeId: this.self.nodeId,
      onLink: (member) => this.joining.link(member),
      onFull: () => this.joining.linkAll(),
    });
  }

  get #me(): { readonly nodeId: string; readonly keyId: string | undefined } {
    const { nodeId, keyId } = this.#options;
    return { nodeId, keyId };
  }

  get #replicaBytesMax(): number {
    return this.#options.replicaBytesMax ?? LIMITS.replicaBytesMax;
  }

  #makeNativeReplication(): NativeReplication {
    return new NativeReplication(
      {
        kernel: this.kernel,
        own: this.own,
        members: this.members,
        alerts: this.alerts,
        sightings: this.#sightings,
        me: this.self,
        overlay: this.overlay,
        relays: !this.trust.isClosed,
        replicaBytesMax: this.#replicaBytesMax,
      },
      {
        onForgotten: (member) => this.joining.forgotten(member),
        onSilent: (member) => this.liveness.probe(member),
        onAnswered: (member) => this.#lastWrites.answered(member),
        onNewerShown: (member) => this.joining.visit(member),
        takePacket: (member, packet) => this.replication.takePacket(member, packet),
        onLeap: () => this.replication.pushAll(),
        onProven: (owner) => this.#relays.subscribers.proven(owner),
        onAbsentOwner: (owner) => this.#looks.at(owner),
        meetThrough: (member, nodeIds) => this.#directory.meetThrough(member, nodeIds),
      },
    );
  }

  #makeReplication(): Replication {
    const { nodeId, publicKey } = this.self;
    return new Replication(
      this.kernel,
      this.own,
      this.members,
      this.#senders,
      this.alerts,
      this.#sightings,
      this.#native,
      { nodeId, publicKey, replicaBytesMax: this.#replicaBytesMax },
      {
        onForgotten: (member) => this.joining.forgotten(member),
        onMayNotListUs: (member) => this.joining.visit(member),
        onSilent: (member) => this.liveness.probe(member),
        onAnswered: (member) => this.#lastWrites.answered(member),
        onAbsentOwner: (member) => this.joining.pursue(member),
      },
    );
  }

  #makeLooks(): Looks {
    return new Looks({
      kernel: this.kernel,
      members: this.members,
      greeting: this.#greeting,
      overlay: this.overlay,
      onBack: (member) => this.joining.meet(member),
      reachThroughOthers: (member) => this.#relays.reach(member),
      onRelayed: (member) => this.joining.pursue(member),
      tries: (falseShare) => this.liveness.tries(falseShare),
      onDoubted: (member) => this.liveness.probe(member),
    });
  }

  #makeDirectory(): Directory {
    return new Directory({
      kernel: this.kernel,
      members: this.members,
      greeting: this.#relayedGreeting,
      trust: this.trust,
      overlay: this.overlay,
      onGone: (member, isNews) => this.#looks.at(member, isNews),
      onUnlisted: (member) => this.liveness.askOnSession(member),
      onNamed: (named, namer) => this.joining.named(named, namer),
      me: this.self,
    });
  }

  #makeRelays(): Relays {
    return new Relays({
      kernel: this.kernel,
      members: this.members,
      greeting: this.#relayedGreeting,
      items: this.#native.items,
      overlay: this.overlay,
      nodeId: this.self.nodeId,
      isClosed: () => this.trust.isClosed,
    });
  }

  #makeJoining(): Joining {
    return new Joining({
      kernel: this.kernel,
      self: this.self,
      members: this.members,
      alerts: this.alerts,
      greeting: this.#greeting,
      replication: this.replication,
      peerLists: this.#peerLists,
      directory: this.#directory,
      relays: this.#relays,
      overlay: this.overlay,
      trust: this.trust,
      keyId: this.#options.keyId,
    });
  }

  #makeLiveness(): Liveness {
    return new Liveness(
      this.kernel,
      this.members,
      this.joining,
      this.replication,
      this.#relays,
      this.overlay,
      this.#looks,
      this.trust,
      this.#me,
      this.self.features,
    );
  }

  #makeMessaging(): Messaging {
    return new Messaging(
      this.kernel,
      this.#me,
      this.members,
      this.#senders,
      this.#greeting,
      (member) => this.liveness.probe(member),
    );
  }

  #makeGoodbye(): Goodbye {
    return new Goodbye({
      kernel: this.kernel,
      self: this.self,
      members: this.members,
      relays: this.#relays,
      overlay: this.overlay,
      lastWrites: this.#lastWrites,
      onLeft: (member) => this.joining.awaitReturn(member),
    });
  }

  #makeAnswering(welcome: Welcome): Answering {
    return new Answering({
      kernel: this.kernel,
      liveness: this.liveness,
      welcome,
      joining: this.joining,
      replication: this.replication,
      peerLists: this.#peerLists,
      messaging: this.messaging,
      serving: this.#makeServing(),
    });
  }

  #makeServing(): NativeServing {
    return new NativeServing({
      kernel: this.kernel,
      nodeId: this.self.nodeId,
      members: this.members,
      trust: this.trust,
      replication: this.#native,
      directory: this.#directory,
      relays: this.#relays,
      messaging: this.messaging,
      goodbye: this.goodbye,
      onOtherProcess: (member) =>
        isPresent(member) ? this.joining.visit(member) : this.joining.pursue(member),
      onSuspects: (nodeIds, from) => this.liveness.hearSuspects(nodeIds, from),
      onProved: (member, incarnation) =>
        this.#enrolment.proved(member, incarnation, "on a session"),
      onAbsentPeer: (member) => this.joining.pursue(member),
    });
  }
}
