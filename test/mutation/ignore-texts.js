// What Stryker shall leave alone: texts for people. A mutant that changes the words of an
// explanation says nothing about the protocol, and a test that pins them pins prose.
//
// Statuses, texts on the wire, codes and discriminants are mutated like all code.
import { declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin";

const EXPLANATIONS = new Set(["why", "fix", "says"]);

/** Which argument of a constructor is its message. */
const MESSAGES = new Map([
  ["DsnError", 1],
  ["MalformedError", 0],
  ["JsonLimitError", 0],
  ["RangeError", 0],
]);

const ignorer = {
  shouldIgnore(path) {
    const { node, parent } = path;
    if (path.isObjectProperty() && EXPLANATIONS.has(node.key.name)) return "an explanation";
    const isText = path.isTemplateLiteral() || path.isStringLiteral();
    if (!isText || parent.type !== "NewExpression") return undefined;
    const message = parent.arguments[MESSAGES.get(parent.callee.name) ?? -1];
    return message === node ? "a message for people" : undefined;
  },
};

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, "texts", ignorer)];
