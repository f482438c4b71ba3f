/** Convergence: every node reads every node's entries, and lists just those nodes. */
interface Reader {
  readonly name: string;
  readonly nodeId: string;
  /** Ids of the other nodes that it lists. */
  present(): string[];
  read(nodeId: string): ReadonlyMap<string, string> | undefined;
}

/**
 * Where nodes do not agree, in words, one after the other: to find the first takes little of the
 * time that all of them take in a large network.
 *
 * @param lying Ids that may be listed or not: nobody needs to agree with a liar.
 * @param isTaken Whether a name is another's for a node: so the two need not see each other.
 */
export function* disagreements<Node extends Reader>(
  nodes: readonly Node[],
  lying: readonly string[],
  isTaken: (at: Node, nodeId: string) => boolean = () => false,
): Generator<string> {
  const liars = new Set(lying);
  const areApart = (one: Node, other: Node) =>
    isTaken(one, other.nodeId) || isTaken(other, one.nodeId);
  const wanted = nodes.map((owner) => owner.read(owner.nodeId));
  for (const node of nodes) {
    const apart = new Set(nodes.filter((other) => areApart(node, other)));
    const others = nodes.filter((other) => other !== node && !apart.has(other));
    const ignored = new Set([...liars, ...[...apart].map(({ nodeId }) => nodeId)]);
    const listed = node
      .present()
      .filter((nodeId) => !ignored.has(nodeId) && !isTaken(node, nodeId));
    if (!listsJust(listed, others)) yield `${node.name} lists [${listed.sort().join()}]`;
    for (const [index, owner] of nodes.entries()) {
      if (apart.has(owner)) continue;
      const held = node.read(owner.nodeId);
      if (sameEntries(held, wanted[index])) continue;
      yield `${node.name} reads ${show(held)} of ${owner.name}, not ${show(wanted[index])}`;
    }
  }
}

function listsJust(listed: readonly string[], others: readonly Reader[]): boolean {
  const ids = new Set(others.map(({ nodeId }) => nodeId));
  return listed.length === ids.size && listed.every((nodeId) => ids.has(nodeId));
}

export function sameEntries(
  a: ReadonlyMap<string, string> | undefined,
  b: ReadonlyMap<string, string> | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

function show(entries: ReadonlyMap<string, string> | undefined): string {
  if (entries === undefined) return "nothing";
  return JSON.stringify([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
