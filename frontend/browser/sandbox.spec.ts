// Break, send, see, mend: what a newcomer tries first.

import { expect, expectAccessible, test } from "./kit/test";

test("a broken provider's mail goes to the next, and the page shows both attempts", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/sandbox`);
  const ses = page.getByRole("region", { name: "ses" });
  await expect(ses.getByText("Asked first")).toBeVisible();
  await ses.getByRole("button", { name: "Break ses" }).click();
  await expect(ses.getByText("Broken", { exact: true })).toBeVisible();
  await expect(page.getByText("A provider is broken")).toBeVisible();

  await page.getByRole("button", { name: "Send a test mail" }).click();
  await expect(page.getByRole("heading", { name: "Sent: mailgun took it" })).toBeVisible();
  const attempts = page.getByRole("list", { name: "Attempts" }).getByRole("listitem");
  await expect(attempts).toHaveCount(2);
  await expect(attempts.first()).toContainText("connection refused");
  await expectAccessible(page);

  await ses.getByRole("button", { name: "Mend ses" }).click();
  await expect(page.getByText("A provider is broken")).toBeHidden();
  await expect(ses.getByRole("button", { name: "Break ses" })).toBeVisible();

  const row = page.getByRole("row").filter({ hasText: "Test mail of" });
  await expect(row).toContainText("mailgun");
  await row.getByRole("button", { name: /Test mail of/ }).click();
  const mail = page.getByRole("dialog");
  await expect(mail.getByText("A test mail from the sandbox page.")).toBeVisible();
  await expectAccessible(page);
  await mail.getByRole("link", { name: "To the message" }).click();
  await expect(page).toHaveURL(/\/messages\/msg_/);
});

test("a mail that was taken before the line broke is shown as one of which nobody heard", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/sandbox`);
  const ses = page.getByRole("region", { name: "ses" });
  await ses.getByLabel("What goes wrong").selectOption("Cut before the answer");
  await expect(ses.getByText("nobody else is asked")).toBeVisible();
  await ses.getByLabel("Mends itself after so many hits").fill("1");
  await ses.getByRole("button", { name: "Break ses" }).click();
  await expect(ses.getByText("Mends itself after one more hit")).toBeVisible();
  await page.getByRole("button", { name: "Send a test mail" }).click();
  await expect(
    page.getByRole("heading", { name: "Nobody knows whether it was sent" }),
  ).toBeVisible();
  await expect(page.getByRole("row").filter({ hasText: "no word of it" })).toHaveCount(1);
  // It counted its hit and is whole again, without anybody's doing.
  await expect(ses.getByRole("button", { name: "Break ses" })).toBeVisible();
});

test("the inbox is emptied only after a question, and shows what comes at once", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/sandbox`);
  await expect(page.getByText("No mail yet")).toBeVisible();
  await gateway.send({ subject: "It came by itself", mode: "sync" });
  const mail = page.getByRole("button", { name: "It came by itself" });
  await expect(mail).toBeVisible();
  await page.getByRole("button", { name: "Clear inbox" }).click();
  await page.getByRole("button", { name: "Leave it" }).click();
  await expect(mail).toBeVisible();
  await page.getByRole("button", { name: "Clear inbox" }).click();
  await page.getByRole("button", { name: "Empty it" }).click();
  await expect(page.getByText("No mail yet")).toBeVisible();
});

test("a key that may only look is offered no switches", async ({ page, gateway }) => {
  const secret = await gateway.newKey(["read", "content"]);
  await gateway.call("PUT", "/v1/sandbox/faults/ses", { fault: "down" });
  await page.goto(gateway.url);
  await page.getByLabel("API key").fill(secret);
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Sandbox inbox" }).click();
  await expect(page.getByText("A provider is broken")).toBeVisible();
  for (const name of [/Mend/, /Break/, /Send a test mail/, /Clear/]) {
    await expect(page.getByRole("button", { name })).toBeHidden();
  }
});
