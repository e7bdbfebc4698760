// The browser tests: Debian's Chromium against the real gateway with its imitated providers.

import { defineConfig } from "@playwright/test";
import { CHROMIUM } from "./kit/chromium";

export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.ts",
  fullyParallel: true,
  workers: 2,
  forbidOnly: true,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  outputDir: "../test-results",
  use: {
    launchOptions: { ...(CHROMIUM && { executablePath: CHROMIUM }) },
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
  },
});
