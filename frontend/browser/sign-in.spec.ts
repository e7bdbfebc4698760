// Signing in, and what a key's scopes open.

import { expect, expectAccessible, signIn, test } from "./kit/test";

test("a wrong key is refused in words, and the right one can be typed at once", async ({
  page,
  gateway,
}) => {
  await page.goto(gateway.url);
  const field = page.getByLabel("API key");
  await expect(field).toBeFocused();
  await field.fill("ms_live_wrong");
  await page.keyboard.press("Enter");
  await expect(page.getByText("This key is not known here")).toBeVisible();
  await expectAccessible(page);
  await expect(field).toBeFocused();
  await page.keyboard.type(gateway.key);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("navigation", { name: "Pages" })).toBeVisible();
});

test("a key is offered the pages that it opens, and no others", async ({ page, gateway }) => {
  await signIn(page, gateway, await gateway.newKey(["read"]));
  const menu = page.getByRole("navigation", { name: "Pages" });
  await expect(menu.getByRole("link", { name: "Suppressions" })).toBeVisible();
  for (const name of ["Compose", "Keys", "Sandbox inbox"]) {
    await expect(menu.getByRole("link", { name })).toBeHidden();
  }
  await page.goto(`${gateway.url}/suppressions`);
  await expect(page.getByRole("button", { name: "Export" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Import" })).toBeHidden();
  for (const path of ["/compose", "/keys", "/sandbox"]) {
    await page.goto(gateway.url + path);
    await expect(page.getByText("Your key does not open this page")).toBeVisible();
  }
});

test("a key that may only send can send, and is shown nothing that it may not ask", async ({
  page,
  gateway,
}) => {
  await signIn(page, gateway, await gateway.newKey(["send"]));
  await page.goto(`${gateway.url}/compose`);
  await page.getByLabel("From").fill("shop@example.com");
  await page.getByLabel("To", { exact: true }).fill("ann@example.net");
  await page.getByRole("textbox", { name: "Text" }).fill("Hello");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByText(/^msg_/)).toBeVisible();
  await expect(page.getByRole("link", { name: "Open the message" })).toBeHidden();
});

test("a key that is revoked elsewhere is signed out, with the reason", async ({
  page,
  gateway,
}) => {
  const secret = await gateway.newKey(["read", "manage"], { name: "short-lived" });
  await signIn(page, gateway, secret);
  const { body } = await gateway.call("GET", "/v1/whoami", undefined, secret);
  await gateway.call("DELETE", `/v1/keys/${body.id}`);
  await page.getByRole("link", { name: "Keys" }).click();
  await expect(page.getByText("Your key is no longer accepted")).toBeVisible();
  await expect(page.getByLabel("API key")).toHaveValue("");
});
