/** Matches text against a pattern in which `*` stands for any text. Everything else is itself. */
export function globMatcher(pattern: string | undefined): (text: string) => boolean {
  if (pattern === undefined || pattern === "*") return () => true;
  if (!pattern.includes("*")) return (text) => text === pattern;
  const escaped = pattern.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  const expression = new RegExp(`^${escaped.join("[^]*")}$`);
  return (text) => expression.test(text);
}
