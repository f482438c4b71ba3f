/** How a test network and the nodes in it are set up. */
import type { LinkOptions } from "./sim-network.ts";
import type { TestNode } from "./test-node.ts";

/** How the nodes of a test network are set up. */
export interface TestNetworkOptions extends LinkOptions {
  /** Everything that is left to chance follows from it. A whole number. @default 1 */
  readonly seed?: number | undefined;
  /** Nodes talk on sessions, as those of this project do; without, as with Python peers. @default true */
  readonly sessions?: boolean | undefined;
  /** Nodes send datagrams too. @default true */
  readonly datagrams?: boolean | undefined;
  /** State that each node begins with. */
  readonly state?: ((name: string) => Readonly<Record<string, string>>) | undefined;
  /** The program of a node: called at each start, after a restart again. */
  readonly program?: ((node: TestNode) => unknown) | undefined;
}

/** How one more node is set up. */
export interface TestNodeOptions {
  /** Names of the nodes through which it joins. @default the first three */
  readonly join?: readonly string[] | undefined;
  /** Its clock minus that of the others, in milliseconds. @default 0 */
  readonly skewMs?: number | undefined;
  /** Who is let in: ids, or `id=SHA256:…`. @default everybody */
  readonly whitelist?: readonly string[] | undefined;
}

/** What became of the disk of a node that starts again. */
export interface TestRestartOptions {
  /** Without its disk a node has another identity, which others refuse until they `forgetIdentity()`. @default "kept" */
  readonly disk?: "kept" | "lost" | undefined;
}

/** How long to wait, in simulated time. */
export interface SettleOptions {
  /** Simulated milliseconds. @default 60000 */
  readonly withinMs?: number | undefined;
}
