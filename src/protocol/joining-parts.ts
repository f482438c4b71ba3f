/** What joining stands on. */
import type { Alerts } from "./alerts.ts";
import type { Directory } from "./directory.ts";
import type { Greeting } from "./greeting.ts";
import type { Kernel } from "./kernel.ts";
import type { Members } from "./members.ts";
import type { Overlay } from "./overlay.ts";
import type { PeerLists } from "./peer-lists.ts";
import type { Relays } from "./relays.ts";
import type { Replication } from "./replication.ts";
import type { Self } from "./self.ts";
import type { Trust } from "./trust.ts";

export interface JoiningParts {
  readonly kernel: Kernel;
  readonly self: Self;
  readonly members: Members;
  readonly alerts: Alerts;
  readonly greeting: Greeting;
  readonly replication: Replication;
  readonly peerLists: PeerLists;
  readonly directory: Directory;
  readonly relays: Relays;
  readonly overlay: Overlay;
  readonly trust: Trust;
  /** First digits of a hash of the network key; undefined without one. */
  readonly keyId: string | undefined;
}
