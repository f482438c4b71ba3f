// `npm run build`: what `dist/` holds, made anew.
import { build } from "./prepare.mjs";

process.exitCode = build() ? 0 : 1;
