/** Convergence: every node reads every node's entries, and lists just those nodes. */
interface Reader {
  readonly name: string;
  readonly nodeId: string;
  /** Ids of the other nodes that it lists. */
  present(): string[];
  read(nodeId: string): ReadonlyMap<string, string> | undefined;
}

/**
 * Where nodes do not agree, in words.
 *
 * @param lying Ids that may be listed or not: nobody needs to agree with a liar.
 */
export function disagreements(nodes: readonly Reader[], lying: readonly string[]): string[] {
  const problems: string[] = [];
  const wanted = new Map(nodes.map((owner) => [owner, show(owner.read(owner.nodeId))]));
  for (const node of nodes) {
    const listed = node.present().filter((nodeId) => !lying.includes(nodeId));
    const others = nodes.filter((other) => other.nodeId !== node.nodeId);
    if (
      !sameSet(
        listed,
        others.map(({ nodeId }) => nodeId),
      )
    ) {
      problems.push(`${node.name} lists [${listed.sort().join()}]`);
    }
    for (const owner of nodes) {
      const held = show(node.read(owner.nodeId));
      if (wanted.get(owner) !== held) {
        problems.push(`${node.name} reads ${held} of ${owner.name}, not ${wanted.get(owner)}`);
      }
    }
  }
  return problems;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const wanted = new Set(b);
  return a.length === wanted.size && a.every((item) => wanted.has(item));
}

function show(entries: ReadonlyMap<string, string> | undefined): string {
  if (entries === undefined) return "nothing";
  return JSON.stringify([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
