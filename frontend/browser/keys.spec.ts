// Keys: made, shown once, replaced, taken back.

import type { Page } from "@playwright/test";
import type { Gateway } from "./kit/gateway";
import { expect, expectAccessible, test } from "./kit/test";

const secretOn = async (page: Page) =>
  (await page.getByRole("region", { name: "Secret" }).innerText()).trim();

/** A good key is remembered for a second. */
const expectRefused = (gateway: Gateway, secret: string) =>
  expect
    .poll(async () => (await gateway.call("GET", "/v1/whoami", undefined, secret)).status)
    .toBe(401);

async function choose(page: Page, key: string, action: string): Promise<void> {
  await page.getByRole("button", { name: `Actions for the key ${key}` }).click();
  await page.getByRole("menuitem", { name: action }).click();
}

test("a new key's secret is shown once, and not lost by a stray press", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/keys`);
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name").fill("shop");
  await page.getByRole("combobox", { name: "May be used from" }).fill("nonsense");
  await page.getByRole("button", { name: "Create the key" }).click();
  await expect(page.getByText("nonsense: expected a network")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("combobox", { name: "May be used from" }).press("Backspace");
  await page.getByRole("button", { name: "Create the key" }).click();

  await expect(page.getByText("It is shown only now")).toBeVisible();
  const secret = await secretOn(page);
  expect((await gateway.call("GET", "/v1/whoami", undefined, secret)).body).toMatchObject({
    name: "shop",
    scopes: ["send", "read"],
  });
  await page.keyboard.press("Escape");
  await page.mouse.click(5, 5);
  await expect(page.getByText("It is shown only now")).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await expect(page.getByRole("row").filter({ hasText: "shop" })).toBeVisible();
  expect(await page.content()).not.toContain(secret);
});

test("a revoked key is refused, and is shown only to who asks for it", async ({
  signedIn: page,
  gateway,
}) => {
  const secret = await gateway.newKey(["read"], { name: "old-shop" });
  await page.goto(`${gateway.url}/keys`);
  await choose(page, "old-shop", "Revoke…");
  await page.getByRole("button", { name: "Revoke it" }).click();
  await expect(page.getByText("The key “old-shop” is revoked.")).toBeVisible();
  await expectRefused(gateway, secret);
  await expect(page.getByRole("row").filter({ hasText: "old-shop" })).toBeHidden();
  await page.getByLabel(/Show revoked and expired/).check();
  await expect(page.getByRole("row").filter({ hasText: "old-shop" })).toContainText("Revoked");
});

test("revoking the key that one is signed in with warns, and signs out", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/keys`);
  await expect(page.getByText("yours", { exact: true })).toBeVisible();
  await choose(page, "demo", "Revoke…");
  await expect(page.getByText("you will be signed out at once")).toBeVisible();
  await page.getByRole("button", { name: "Revoke it" }).click();
  await expect(page.getByText("You revoked the key")).toBeVisible();
  await expect(page.getByLabel("API key")).toBeVisible();
});

test("rotating one's own key at once goes on with the new one", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/keys`);
  await choose(page, "demo", "Rotate…");
  await page.getByLabel("Is revoked at once").check();
  await page.getByRole("button", { name: "Make the new key" }).click();
  await expect(page.getByText("signed in with the new key now")).toBeVisible();
  const secret = await secretOn(page);
  await expectRefused(gateway, gateway.key);
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await page.getByRole("link", { name: "Messages" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Messages" })).toBeVisible();
  expect((await gateway.call("GET", "/v1/whoami", undefined, secret)).status).toBe(200);
});
