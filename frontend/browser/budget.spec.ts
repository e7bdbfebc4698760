// What a first visit costs.

import type { Page } from "@playwright/test";
import { expect, test } from "./kit/test";

const MOST_SCRIPT_BYTES = 250 * 1024;
const MOST_MS = 1_000;
const TRIES = 8;

test("a first visit loads less than 250 KB of packed script", async ({ page, gateway }) => {
  const sizes: Promise<number>[] = [];
  page.on("response", (response) => {
    if (response.request().resourceType() !== "script") return;
    sizes.push(
      response
        .request()
        .sizes()
        .then(({ responseBodySize }) => responseBodySize),
    );
  });
  await page.goto(gateway.url, { waitUntil: "networkidle" });
  await expect(page.getByLabel("API key")).toBeVisible();
  const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  test.info().annotations.push({ type: "bytes", description: String(total) });
  expect(total).toBeGreaterThan(10_000);
  expect(total).toBeLessThan(MOST_SCRIPT_BYTES);
});

test("a page is usable within a second on this machine", async ({ signedIn: page, gateway }) => {
  await gateway.send({ subject: "The newest" });
  const took: number[] = [];
  for (let tries = 0; tries < TRIES; tries += 1) took.push(await timeToList(page, gateway.url));
  // The best of several: other tests run on the same processors.
  const best = Math.min(...took);
  test.info().annotations.push({ type: "ms", description: took.map(Math.round).join(" ") });
  expect(best).toBeLessThan(MOST_MS);
});

/** From asking for the page, nothing kept, to its first row on the screen. */
async function timeToList(page: Page, url: string): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  const start = performance.now();
  await page.goto(`${url}/messages`, { waitUntil: "commit" });
  await page.getByText("The newest").first().waitFor();
  const end = performance.now();
  await session.detach();
  return end - start;
}
