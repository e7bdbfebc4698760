// The providers' page: why one is left out, and what a person can do about it.

import { breakProvider, heal, sendSeveral } from "./kit/sandbox";
import { expect, expectAccessible, test } from "./kit/test";

test("a provider that fails is left out, and both pages say why and when it is tried", async ({
  signedIn: page,
  gateway,
}) => {
  await breakProvider(gateway, "ses", "down");
  await sendSeveral(gateway, 7);

  const needs = page.getByRole("list", { name: "What needs you" });
  await expect(needs.getByText("ses is out of service")).toBeVisible();
  await expect(needs.getByText(/connection refused.*next probe/)).toBeVisible();
  await expect(page.getByText(/of the newest 7 messages/)).toBeVisible();

  await needs.getByRole("link", { name: /Open: ses/ }).click();
  await expect(page).toHaveURL(/\/providers#ses$/);
  const card = page.getByRole("region", { name: "ses", exact: true });
  await expect(card.getByText(/^Out of service: connection refused$/)).toBeVisible();
  await expect(card.getByText(/One mail is tried as a probe/)).toBeVisible();
  await card.getByRole("button", { name: "Failover history" }).click();
  await expect(card.getByText("Went out of service")).toBeVisible();
  await expect(card.getByText(/went to mailgun instead/)).toBeVisible();

  await heal(gateway, "ses");
  await card.getByRole("button", { name: "Ask again now: ses" }).click();
  await expect(card.getByText("Up", { exact: true })).toBeVisible();
  await expect(card.getByText(/^Out of service/)).toBeHidden();
});

test("a pause asks why, shows the reason to everybody, and ends with a click", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/providers`);
  const card = page.getByRole("region", { name: "mailgun", exact: true });
  await card.getByRole("button", { name: "Pause mailgun" }).click();
  const dialog = page.getByRole("dialog", { name: "Pause mailgun?" });
  await expect(dialog.getByRole("button", { name: "Pause" })).toBeDisabled();
  await dialog.getByLabel("Why?").fill("Changing the key");
  await expectAccessible(page);
  await dialog.getByLabel("Why?").press("Tab");
  await dialog.getByRole("button", { name: "Pause" }).click();

  await expect(card.getByText(/^Paused: Changing the key$/)).toBeVisible();
  await page.getByRole("link", { name: "Overview" }).click();
  const needs = page.getByRole("list", { name: "What needs you" });
  await expect(needs.getByText("mailgun is paused")).toBeVisible();
  await page.getByRole("link", { name: "Providers", exact: true }).click();
  await card.getByRole("button", { name: "Resume mailgun" }).click();
  await expect(page.getByText("mailgun is asked again")).toBeVisible();
  await expect(card.getByText("Up", { exact: true })).toBeVisible();
});

test("pausing the last provider that works warns that mail will wait", async ({
  signedIn: page,
  gateway,
}) => {
  for (const name of ["mailgun", "relay"]) {
    await gateway.call("POST", `/v1/providers/${name}/pause`, { reason: "test" });
  }
  await page.goto(`${gateway.url}/providers`);
  await page.getByRole("button", { name: "Pause ses" }).click();
  await expect(page.getByRole("dialog").getByText("Mail will wait")).toBeVisible();
  await page.getByRole("button", { name: "Leave it" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("a test says in words what works and what does not", async ({ signedIn: page, gateway }) => {
  await page.goto(`${gateway.url}/providers`);
  const card = page.getByRole("region", { name: "ses", exact: true });
  await card.getByRole("button", { name: "Test ses" }).click();
  await expect(card.getByText("It works: the credentials are good")).toBeVisible();
  await expect(card.getByText(/recipients of the quota are left/)).toBeVisible();
  await expect(card.getByText("Its clock and ours agree.")).toBeVisible();

  await breakProvider(gateway, "ses", "auth");
  await card.getByRole("button", { name: "Test ses" }).click();
  await expect(card.getByText("It answers, and refuses this account")).toBeVisible();
});

test("an address can be verified where an account wants that", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/providers`);
  await page.getByRole("textbox", { name: "Address" }).fill("ann@example.net");
  await page.getByRole("button", { name: "Look up" }).click();
  await expect(page.getByText("Not asked", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Ask to verify ann@example.net" }).click();
  await expect(page.getByText("Waits for a click")).toBeVisible();

  await gateway.call("POST", "/v1/sandbox/identities/ann@example.net/verify");
  await expect(page.getByText("Verified", { exact: true })).toBeVisible();
});

test("a key that may only read can neither pause nor test", async ({ page, gateway }) => {
  await page.goto(`${gateway.url}/providers`);
  await page.getByLabel("API key").fill(await gateway.newKey(["read"]));
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("region", { name: "ses", exact: true })).toBeVisible();
  await expect(page.getByRole("button", { name: "Pause ses" })).toBeHidden();
  await expect(page.getByRole("button", { name: "Test ses" })).toBeHidden();
});
