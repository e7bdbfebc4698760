// One message: its story, and what can be done about it.

import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import type { Gateway } from "./kit/gateway";
import { expect, expectAccessible, expectNoSidewaysScroll, test } from "./kit/test";

const story = (page: Page) => page.getByRole("region", { name: "What happened" });

async function open(page: Page, gateway: Gateway, id: string): Promise<void> {
  await page.goto(`${gateway.url}/messages/${id}`);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
}

const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();

test("a failover is told in order, with each provider's own words behind a fold", async ({
  signedIn: page,
  gateway,
}) => {
  await gateway.call("PUT", "/v1/sandbox/faults/ses", { fault: "error_before" });
  const { id } = await gateway.send({ mode: "sync", tags: ["orders"] });
  await open(page, gateway, id);
  await expect(story(page)).toContainText("Amazon SES (ses) was asked and did not take it");
  await expect(story(page)).toContainText(
    /Then mailgun took it in|Then Mailgun \(mailgun\) took it/i,
  );
  await expect(story(page)).toContainText("It is next in the route “default”");
  const fold = story(page).getByRole("button", { name: "What ses answered" });
  await fold.click();
  await expect(fold).toHaveAttribute("aria-expanded", "true");
  await expect(page.getByLabel("The provider's answer")).toContainText("503");
  await expectAccessible(page);
  await page.getByRole("link", { name: "orders" }).click();
  await expect(page).toHaveURL(/q=tag(:|%3A)orders/);
});

test("an unknown outcome says what is known and sends again only after a warning", async ({
  signedIn: page,
  gateway,
}) => {
  await gateway.call("PUT", "/v1/sandbox/faults/ses", { fault: "cut_after_body", times: 1 });
  const { id } = await gateway.send({ subject: "Password" });
  await expect
    .poll(async () => (await gateway.call("GET", `/v1/messages/${id}`)).body.status)
    .toBe("unknown");
  await open(page, gateway, id);
  const notice = page.getByRole("alert", { name: /Nobody knows/ });
  await expect(notice).toContainText("Amazon SES (ses) was asked");
  await expect(notice).toContainText("cannot be asked about a message");
  await expect(page.getByRole("button", { name: "Cancel" })).toHaveCount(0);
  await expectAccessible(page);
  await notice.getByRole("button", { name: "Send again anyway…" }).click();
  await expect(page.getByRole("dialog")).toContainText("get the same mail twice");
  await page.getByRole("dialog").getByRole("button", { name: "Send it again" }).click();
  await expect(story(page)).toContainText("at the risk of a duplicate");
  await expect(story(page)).toContainText("Amazon SES (ses) took it");
  await expect(notice).toBeHidden();
});

test("a message that waits gets another time, and is cancelled after a question", async ({
  signedIn: page,
  gateway,
}) => {
  const { id } = await gateway.send({ send_at: tomorrow() });
  await open(page, gateway, id);
  await page.getByRole("button", { name: "Reschedule" }).click();
  const field = page.getByLabel("Day and time");
  // Two days from now at nine o'clock where the reader is, which is Berlin in these tests.
  const day = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
  await field.fill(`${day}T09:00`);
  await page.getByRole("button", { name: "Change the time" }).click();
  await expect(page.getByText("Its time is changed.")).toBeVisible();
  const { body } = await gateway.call("GET", `/v1/messages/${id}`);
  const inBerlin = new Date(body.send_at).toLocaleString("sv", { timeZone: "Europe/Berlin" });
  expect(inBerlin).toBe(`${day} 09:00:00`);

  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Leave it" }).click();
  await expect(page.getByText("Scheduled").first()).toBeVisible();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Cancel the message" }).click();
  await expect(story(page)).toContainText("It was cancelled");
  await expect(page.getByRole("button", { name: "Reschedule" })).toHaveCount(0);
});

test("a scheduled message can be sent now", async ({ signedIn: page, gateway }) => {
  const { id } = await gateway.send({ send_at: tomorrow() });
  await open(page, gateway, id);
  await page.getByRole("button", { name: "Send now" }).click();
  await expect(story(page)).toContainText("took it in");
});

test("headers, files and the API's own object are shown; a file is saved whole", async ({
  signedIn: page,
  gateway,
}) => {
  const content = Buffer.from("Hello world\n");
  const { id } = await gateway.send({
    headers: { "X-Campaign": "spring" },
    attachments: [
      {
        filename: "terms.txt",
        content_type: "text/plain",
        content: content.toString("base64"),
      },
    ],
  });
  await open(page, gateway, id);
  await page.getByRole("tab", { name: "Headers" }).click();
  await expect(page.getByRole("row", { name: /X-Campaign/ })).toContainText("spring");
  await page.getByRole("tab", { name: "Raw JSON" }).click();
  await expect(page.getByLabel("Message as the API gives it")).toContainText(id);
  await page.getByRole("tab", { name: "Attachments (1)" }).click();
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download terms.txt" }).click();
  const file = await saved;
  expect(file.suggestedFilename()).toBe("terms.txt");
  expect(readFileSync(await file.path())).toEqual(content);
});

test("an id that does not exist says so, and a phone shows the page whole", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/messages/msg_00000000000000000000000000`);
  await expect(page.getByText("There is no message with this id")).toBeVisible();
  await page.setViewportSize({ width: 360, height: 740 });
  const { id } = await gateway.send({ subject: "Unbreakable".repeat(20), mode: "sync" });
  await open(page, gateway, id);
  await expectNoSidewaysScroll(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page);
});
