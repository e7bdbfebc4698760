// What each browser test gets: a gateway of its own and a page of it. At the end of each test the
// page must have spoken with the gateway only, and nothing may have been refused by its policy.

import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";
import { CHROMIUM, MISSING_CHROMIUM, REQUIRE_ALL } from "./chromium";
import { Gateway } from "./gateway";

interface Kit {
  gateway: Gateway;
  /** The page, signed in with the key that the gateway printed, on the overview. */
  signedIn: Page;
  /** What the page asked for at other origins, and what the content policy refused. */
  strays: string[];
  /** A test that loads from elsewhere on purpose sets it to false and looks at `strays` itself. */
  mustStayHome: boolean;
}

export const test = base.extend<Kit>({
  mustStayHome: [true, { option: true }],

  gateway: async ({}, use) => {
    const gateway = new Gateway();
    await gateway.start();
    await use(gateway);
    await gateway.remove();
  },

  strays: [
    async ({ context, gateway, mustStayHome }, use) => {
      const strays: string[] = [];
      context.on("request", (request) => {
        const url = new URL(request.url());
        if (["data:", "blob:", "about:"].includes(url.protocol)) return;
        if (url.origin !== new URL(gateway.url).origin) strays.push(request.url());
      });
      context.on("console", (message) => {
        if (/content security policy/i.test(message.text())) strays.push(message.text());
      });
      context.on("weberror", (error) => strays.push(String(error.error())));
      await use(strays);
      if (mustStayHome) expect(strays).toEqual([]);
    },
    { auto: true },
  ],

  signedIn: async ({ page, gateway }, use) => {
    await signIn(page, gateway);
    await use(page);
  },
});

test.skip(!CHROMIUM && !REQUIRE_ALL, MISSING_CHROMIUM);

export { expect };

export async function signIn(page: Page, gateway: Gateway, key = gateway.key): Promise<void> {
  await page.goto(gateway.url);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("navigation", { name: "Pages" })).toBeAttached();
}

/** Fails with what axe finds serious or critical (WCAG 2.2 A and AA). */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(
    serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`),
  ).toEqual([]);
}

/** Fails when the page itself can be scrolled sideways. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const wider = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(wider).toBeLessThanOrEqual(0);
}
