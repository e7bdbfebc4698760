// The system's page: the gateway itself.

import { expect, test } from "./kit/test";

test("it says whether mail is taken, what waits and where the API is", async ({
  signedIn: page,
  gateway,
}) => {
  const send_at = new Date(Date.now() + 3_600_000).toISOString();
  await gateway.send({ send_at, priority: "high" });
  await page.goto(`${gateway.url}/system`);
  await expect(page.getByText("It takes mail", { exact: true })).toBeVisible();
  await expect(page.getByText("ready", { exact: true })).toBeVisible();
  await expect(page.getByText("Imitated providers")).toBeVisible();
  await expect(page.getByRole("row", { name: "high 0 1" })).toBeVisible();
  await gateway.send({ send_at, priority: "low" });
  await expect(page.getByRole("row", { name: "low 0 1" })).toBeVisible({ timeout: 5_000 });
  await expect(page.getByText(gateway.url, { exact: true })).toBeVisible();
  await expect(page.getByRole("link", { name: "/openapi.json" })).toHaveAttribute(
    "href",
    /\/openapi\.json$/,
  );
});
