// A list as long as a busy day.

import type { Page } from "@playwright/test";
import { seed } from "./kit/seed";
import { expect, test } from "./kit/test";

// Recording every step of a list this long would be most of the work.
test.use({ trace: "off" });

const rows = (page: Page) => page.getByRole("table", { name: "Messages" }).locator("tbody tr");
const box = (page: Page) => page.locator('[data-scroll-restoration-id="messages"]');

test("ten thousand messages scroll with few rows drawn, and new mail moves nothing", async ({
  signedIn: page,
  gateway,
}) => {
  test.setTimeout(180_000);
  await seed(gateway, 1, 10_200);
  await page.goto(`${gateway.url}/messages`);
  await expect(page.getByText("Letter 10200")).toBeVisible();

  const most = await scrollToEnd(page);
  expect(most).toBeLessThan(80);
  await expect(page.getByText("Letter 1", { exact: true })).toBeVisible();
  await expect(page.getByText("10,200 messages, that is all.")).toBeVisible();

  await box(page).evaluate((it) => it.scrollTo({ top: it.scrollHeight / 2 }));
  const place = () => rows(page).nth(12).getByRole("link").innerText();
  await expect(rows(page).nth(12)).toBeVisible();
  await page.waitForTimeout(1_000);
  const before = await place();
  await gateway.send({ subject: "It came meanwhile" });
  const newer = page.getByRole("button", { name: "1 new message" });
  await expect(newer).toBeVisible();
  expect(await place()).toBe(before);
  await newer.click();
  await expect(page.getByText("It came meanwhile")).toBeVisible();
});

/** Scrolls until all is loaded; returns the largest number of rows that were drawn at once. */
async function scrollToEnd(page: Page): Promise<number> {
  return box(page).evaluate(async (it) => {
    let most = 0;
    for (let step = 0; step < 2_000; step++) {
      it.scrollTo({ top: it.scrollHeight });
      await new Promise((resume) => setTimeout(resume, 40));
      most = Math.max(most, it.querySelectorAll("tbody tr").length);
      if (!it.textContent.includes("that is all")) continue;
      it.scrollTo({ top: it.scrollHeight });
      return most;
    }
    throw new Error("the end was not reached");
  });
}
