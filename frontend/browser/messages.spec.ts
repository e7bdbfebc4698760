// The list of messages.

import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import type { Gateway } from "./kit/gateway";
import { seed } from "./kit/seed";
import { expect, expectAccessible, expectNoSidewaysScroll, signIn, test } from "./kit/test";

const list = (page: Page) => page.getByRole("table", { name: "Messages" });
const rows = (page: Page): Locator => list(page).locator("tbody tr");

test("the first message is one click away, and its page opens", async ({ signedIn, gateway }) => {
  await signedIn.goto(`${gateway.url}/messages`);
  await expect(signedIn.getByText("No mail has come through here yet")).toBeVisible();
  await expect(signedIn.getByLabel("Command that sends a message")).toContainText(
    `curl ${gateway.url}/v1/messages`,
  );
  await expectAccessible(signedIn);
  await signedIn.getByRole("button", { name: "Send a test mail" }).click();
  await expect(signedIn).toHaveURL(/\/messages\/msg_/);
  await expect(signedIn.getByRole("heading", { name: "Hello from Mail Sender" })).toBeVisible();
  await expect(signedIn.getByText(/took it in/)).toBeVisible();
});

test("a search is typed with suggestions, stands in the address and survives a reload", async ({
  signedIn: page,
  gateway,
}) => {
  await gateway.send({ subject: "To be found", to: ["zoe@example.net"] });
  await gateway.send({ subject: "Another one" });
  await page.goto(`${gateway.url}/messages`);
  const field = page.getByRole("searchbox", { name: "Search messages" });
  await field.fill("to:zoe stat");
  await page.getByRole("option", { name: /^status:/ }).click();
  await expect(field).toHaveValue("to:zoe status:");
  await field.pressSequentially("se");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/q=to(:|%3A)zoe/);
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByRole("button", { name: "Sent", exact: true })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
  await page.reload();
  await expect(field).toHaveValue("to:zoe status:sent");
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("button", { name: "Failed", exact: true }).click();
  await expect(field).toHaveValue("to:zoe status:failed,expired");
  await expect(page.getByText("No message matches")).toBeVisible();
  await page.goBack();
  await expect(field).toHaveValue("to:zoe status:sent");
});

test("a wrong word is explained where it stands", async ({ signedIn: page, gateway }) => {
  await gateway.send();
  await page.goto(`${gateway.url}/messages`);
  const field = page.getByRole("searchbox", { name: "Search messages" });
  await field.fill("stats:sent");
  await field.press("Enter");
  await expect(page.getByText(/There is no stats: but .* Did you mean status:\?/)).toBeVisible();
  await expect(field).toHaveAttribute("aria-invalid", "true");
  await page.getByRole("button", { name: "Clear the search" }).click();
  await expect(rows(page)).toHaveCount(1);
});

test("many are tried again: counted first, and the risk of a duplicate only by choice", async ({
  signedIn: page,
  gateway,
}) => {
  await gateway.send({ subject: "Taken", mode: "sync" });
  const fault = (name: string, body: unknown) =>
    gateway.call("PUT", `/v1/sandbox/faults/${name}`, body);
  await fault("ses", { fault: "taken_then_cut", times: 1 });
  await gateway.send({ subject: "Who knows" });
  await waitForStatus(gateway, "unknown", 1);
  await fault("ses", { fault: "refuse_recipient", recipient: "*" });
  await gateway.send({ subject: "Refused one" });
  await gateway.send({ subject: "Refused two" });
  await waitForStatus(gateway, "failed", 2);
  await gateway.call("DELETE", "/v1/sandbox/faults/ses");

  await page.goto(`${gateway.url}/messages`);
  await page.getByRole("checkbox", { name: "Choose all loaded messages" }).check();
  await expect(page.getByText("4 chosen")).toBeVisible();
  await page.getByRole("button", { name: "Try again…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("2 failed")).toBeVisible();
  await expect(dialog.getByText("1 sent")).toBeVisible();
  await expect(dialog.getByText(/a provider may have it/)).toBeVisible();
  await expectAccessible(page);
  expect(await count(gateway, "failed")).toBe(2);

  await dialog.getByRole("checkbox", { name: /Also send those again/ }).check();
  await expect(dialog.getByRole("button", { name: "Try 3 messages again" })).toBeVisible();
  await dialog.getByRole("checkbox", { name: /Also send those again/ }).uncheck();
  await dialog.getByRole("button", { name: "Try 2 messages again" }).click();
  await waitForStatus(gateway, "sent", 3);
  expect(await count(gateway, "unknown")).toBe(1);
  await expect(dialog).toBeHidden();
  await expect(page.getByText("2 messages given back to the queue.")).toBeVisible();
});

test("all that match are cancelled, not only those that are loaded", async ({
  signedIn: page,
  gateway,
}) => {
  const messages = Array.from({ length: 120 }, (_, number) => ({
    from: "shop@example.com",
    to: ["ann@example.net"],
    subject: `Later ${number}`,
    text: "x",
    send_at: new Date(Date.now() + 86_400_000).toISOString(),
  }));
  await gateway.call("POST", "/v1/messages/batch", { messages });
  await page.goto(`${gateway.url}/messages?q=status:scheduled`);
  await expect(page.getByText("Later 119")).toBeVisible();
  await page.getByRole("checkbox", { name: "Choose all loaded messages" }).check();
  await page.getByRole("button", { name: /Choose all that match/ }).click();
  await page.getByRole("button", { name: "Cancel…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel 120 messages" }).click();
  await expect(page.getByText("120 messages cancelled.")).toBeVisible();
  expect(await count(gateway, "cancelled")).toBe(120);
});

test("the export holds what the search finds, and no formula", async ({
  signedIn: page,
  gateway,
}) => {
  await gateway.send({ subject: '=HYPERLINK("https://x.test","Click")', tags: ["csv"] });
  await gateway.send({ subject: "Not exported" });
  await page.goto(`${gateway.url}/messages?q=tag:csv`);
  await expect(rows(page)).toHaveCount(1);
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  const text = readFileSync(await (await saved).path(), "utf8");
  expect(text).toMatch(/^\uFEFFid,status,/);
  expect(text).toContain(`"'=HYPERLINK(""https://x.test"",""Click"")"`);
  expect(text).not.toContain("Not exported");
});

test("columns are chosen once and stay", async ({ signedIn: page, gateway }) => {
  await gateway.send({ tags: ["winter"] });
  await page.goto(`${gateway.url}/messages`);
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("checkbox", { name: "Tags" }).check();
  await page.reload();
  await expect(page.getByRole("columnheader", { name: "Tags" })).toBeVisible();
  await expect(page.getByText("winter")).toBeVisible();
});

test("a key that only reads is offered nothing that it may not do", async ({ page, gateway }) => {
  await gateway.send();
  await signIn(page, gateway, await gateway.newKey(["read"]));
  await page.goto(`${gateway.url}/messages`);
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Compose" })).toHaveCount(0);
  await rows(page).getByRole("link").click();
  await expect(page.getByText("Your key does not open what stands in messages")).toHaveCount(0);
  await page.getByRole("tab", { name: "Text" }).click();
  await expect(page.getByText("Your key does not open what stands in messages")).toBeVisible();
});

test("the list is used with the keyboard alone, and fits a phone", async ({
  signedIn: page,
  gateway,
}) => {
  await seed(gateway, 1, 60);
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`${gateway.url}/messages`);
  await expect(page.getByText("Letter 60")).toBeVisible();
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
  await page.getByRole("link", { name: "Letter 60" }).focus();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("link", { name: "Letter 59" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Letter 59" })).toBeVisible();
});

async function count(gateway: Gateway, status: string): Promise<number> {
  const { body } = await gateway.call("GET", `/v1/messages?limit=200&status=${status}`);
  return body.data.length;
}

async function waitForStatus(gateway: Gateway, status: string, number: number): Promise<void> {
  await expect.poll(() => count(gateway, status)).toBe(number);
}
