// What a first visit costs.

import { expect, test } from "./kit/test";

const MOST_SCRIPT_BYTES = 250 * 1024;

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
