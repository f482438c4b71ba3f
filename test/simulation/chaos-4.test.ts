/** See `seeds.ts`: four files, so that they run side by side. */
import { chaosTests } from "./seeds.ts";

chaosTests(375, 125);
