// What a soak is judged by.

/** A node that was disturbed may be called gone so long after: verdicts take up to 5 s. */
const GRACE_MS = 6_000;
/** By regression over the whole run, after the first quarter. */
const GROWTH_MAX = { heap: 3 * 1024 * 1024, rss: 24 * 1024 * 1024 };

/** Growth from the first to the last sample along the regression line. */
export function growth(samples, name) {
  const used = samples.slice(Math.floor(samples.length / 4));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(used.map(({ at }) => at)), mean(used.map((one) => one[name]))];
  const over = used.reduce((sum, one) => sum + (one.at - x) * (one[name] - y), 0);
  const under = used.reduce((sum, one) => sum + (one.at - x) ** 2, 0);
  return under === 0 ? 0 : (over / under) * (used.at(-1).at - used[0].at);
}

/** Leaves told of nodes that nothing had happened to. */
export function falseLeaves(members) {
  const spans = new Map(members.map(({ id, disturbed }) => [id, disturbed]));
  return members.flatMap(({ id, leaves }) =>
    leaves
      .filter(
        ({ of, at }) => !spans.get(of).some(({ from, to }) => at >= from && at <= to + GRACE_MS),
      )
      .map(({ of, at }) => `${id} told at ${new Date(at).toISOString()} that ${of} had left`),
  );
}

export function growthProblems(id, samples) {
  return Object.entries(GROWTH_MAX).flatMap(([name, max]) => {
    const grown = growth(samples, name);
    return grown <= max ? [] : [`${id}: ${name} grew by ${(grown / 2 ** 20).toFixed(1)} MB`];
  });
}

/** What a node of so many holds at rest: a session and two connections to each, and its own. */
export function leakProblems(id, { sockets, timers, fds }, nodes) {
  const limits = { sockets: 3 * nodes + 16, timers: 24, fds: 3 * nodes + 64 };
  return Object.entries({ sockets, timers, fds })
    .filter(([name, count]) => count > limits[name])
    .map(([name, count]) => `${id}: ${count} ${name} at rest, more than ${limits[name]}`);
}
