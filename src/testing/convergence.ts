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
  const ids = new Set(nodes.map(({ nodeId }) => nodeId));
  const liars = new Set(lying);
  const wanted = nodes.map((owner) => owner.read(owner.nodeId));
  for (const node of nodes) {
    const listed = node.present().filter((nodeId) => !liars.has(nodeId));
    if (!listsOthers(listed, ids, node.nodeId)) {
      problems.push(`${node.name} lists [${listed.sort().join()}]`);
    }
    for (const [index, owner] of nodes.entries()) {
      const held = node.read(owner.nodeId);
      if (sameEntries(held, wanted[index])) continue;
      problems.push(
        `${node.name} reads ${show(held)} of ${owner.name}, not ${show(wanted[index])}`,
      );
    }
  }
  return problems;
}

function listsOthers(listed: readonly string[], ids: ReadonlySet<string>, own: string): boolean {
  const others = listed.filter((nodeId) => nodeId !== own && ids.has(nodeId));
  return others.length === listed.length && listed.length === ids.size - 1;
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
