// The browser of the machine: nothing is downloaded.

import { existsSync } from "node:fs";

const PLACES = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

export const CHROMIUM = PLACES.find((place) => place && existsSync(place)) ?? null;

/** Without it the tests are skipped with this reason, or fail where everything must be there. */
export const MISSING_CHROMIUM = "Chromium: apt install chromium, or CHROMIUM=/path/to/it";
export const REQUIRE_ALL = process.env.REQUIRE_ALL === "1";
