// The pictures of the documentation: one run, one gateway, docs/images/.

import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

export default defineConfig({
  ...tests,
  testDir: "screenshots",
  testMatch: "*.shots.ts",
  fullyParallel: false,
  workers: 1,
  timeout: 600_000,
  use: { ...tests.use, trace: "off", screenshot: "off", deviceScaleFactor: 1.5 },
});
