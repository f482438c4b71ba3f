// `npm run docs`: writes `docs/errors.md` from the table of codes, and the API reference into
// `docs/api`, which git ignores. A test says when the first is stale; `npm test` holds the second
// to be free of warnings: every public name has its text, and no link leads nowhere.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { errorsPage } from "./docs/errors-page.mjs";
import { ensureBuilt, ensureInstalled, root, run } from "./prepare.mjs";

ensureInstalled();
ensureBuilt();

const { ERRORS } = await import(pathToFileURL(join(root, "dist", "index.js")).href);
writeFileSync(join(root, "docs", "errors.md"), errorsPage(ERRORS));
console.log("docs/errors.md");

const typedoc = join(root, "node_modules", "typedoc", "bin", "typedoc");
process.exitCode = run(process.execPath, [typedoc]) ? 0 : 1;
if (process.exitCode === 0) console.log("docs/api/index.html");
