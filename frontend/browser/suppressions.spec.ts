// The suppression list: who is on it gets no mail.

import { readFileSync } from "node:fs";
import { expect, expectAccessible, test } from "./kit/test";

test("an address that was added gets no mail, and gets it again when removed", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/suppressions`);
  await expect(page.getByText("Nobody is suppressed")).toBeVisible();
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("textbox", { name: "Addresses" }).fill("Ann <ann@example.net>");
  await page.getByLabel("Note").fill("asked by phone");
  await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
  const row = page.getByRole("row").filter({ hasText: "ann@example.net" });
  await expect(row).toContainText("asked by phone");
  await expectAccessible(page);

  await page.getByRole("link", { name: "Compose" }).click();
  await page.getByLabel("From").fill("shop@example.com");
  await page.getByLabel("To", { exact: true }).fill("ann@example.net");
  await page.getByRole("textbox", { name: "Text" }).fill("Hello");
  await expect(page.getByText("No provider is asked for ann@example.net")).toBeVisible();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Not sent: suppressed" })).toBeVisible();
  expect((await gateway.call("GET", "/v1/sandbox/inbox")).body.kept).toBe(0);

  await page.getByRole("link", { name: "Suppressions" }).click();
  await page.getByRole("button", { name: "Remove ann@example.net" }).click();
  await page.getByRole("button", { name: "Remove it from the list" }).click();
  await expect(page.getByText("Nobody is suppressed")).toBeVisible();
  expect((await gateway.send({ mode: "sync" })).status).toBe("sent");
});

test("of a pasted list the good are added, and the others stay to be mended", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/suppressions`);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const field = page.getByRole("textbox", { name: "Addresses" });
  await field.fill("ann@example.net\nbo@example.net, broken@x..y");
  await page.getByRole("button", { name: "Add 3 addresses" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "could not be added" })).toBeVisible();
  await expect(field).toHaveValue("broken@x..y");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("row")).toHaveCount(3);
});

test("filters stand in the address, and a file comes in and goes out", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/suppressions`);
  await page.getByRole("button", { name: "Import" }).click();
  await page.locator('input[type="file"]').setInputFiles({
    name: "old.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(
      "email,reason\nann@example.net,unsubscribe\nbo@example.net,complaint\nno\n",
    ),
  });
  await expect(page.getByText("2 added.")).toBeVisible();
  await expect(page.getByText("line 4:")).toBeVisible();
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await expect(page.getByRole("dialog")).toBeHidden();

  await page.getByLabel("Reason", { exact: true }).selectOption("Complaint");
  await expect(page.getByRole("row")).toHaveCount(2);
  await page.reload();
  await expect(page.getByRole("row").filter({ hasText: "bo@example.net" })).toBeVisible();
  await expect(page.getByRole("row")).toHaveCount(2);

  const coming = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export these" }).click();
  const file = readFileSync(await (await coming).path(), "utf8");
  expect(file).toContain("bo@example.net,complaint");
  expect(file).not.toContain("ann@example.net");
});
