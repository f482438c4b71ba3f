// What TypeDoc does otherwise than this project wants.
import { ReflectionKind } from "typedoc";

export function load(app) {
  app.converter.on("resolveEnd", ({ project }) => {
    const all = Object.values(project.reflections);
    for (const { comment } of all) showClasses(comment);
    app.options.setValue("intentionallyNotDocumented", plainFields(all));
  });
}

/** `@throws {DsnError} when …` shows the class before the text, not in braces above it. */
function showClasses(comment) {
  for (const tag of comment?.getTags("@throws") ?? []) {
    const name = tag.typeAnnotation?.slice(1, -1);
    if (name === undefined) continue;
    tag.content.unshift({ kind: "code", text: `\`${name}\`` }, { kind: "text", text: " " });
    tag.typeAnnotation = undefined;
  }
}

/**
 * Every public name must have its text, but for fields of types that are written in place: the text
 * of the whole says what they are. TypeDoc leaves parameters to the text of their function itself.
 */
function plainFields(reflections) {
  const fields = reflections
    .filter((field) => field.kindOf(ReflectionKind.Property))
    .filter((field) => field.parent?.kindOf(ReflectionKind.TypeLiteral) && !field.hasComment())
    .filter((field) => !isOfParameter(field));
  return [...new Set(fields.map((field) => field.getFriendlyFullName()))];
}

function isOfParameter(reflection) {
  if (reflection === undefined) return false;
  return reflection.kindOf(ReflectionKind.Parameter) || isOfParameter(reflection.parent);
}
