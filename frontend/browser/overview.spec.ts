// The overview: what needs a person, the figures behind it, and the first mail of all.

import { breakProvider, sendSeveral } from "./kit/sandbox";
import { expect, expectAccessible, expectNoSidewaysScroll, test } from "./kit/test";

test("the first start teaches the first send, and one click does it", async ({
  signedIn: page,
  gateway,
}) => {
  await expect(page.getByRole("heading", { name: "No mail yet" })).toBeVisible();
  await expect(page.getByText(`curl ${gateway.url}/v1/messages`)).toBeVisible();
  await expectAccessible(page);

  await page.getByRole("button", { name: "Send a first mail" }).click();
  await expect(page).toHaveURL(/\/messages\/msg_/);

  const { body } = await gateway.call("GET", "/v1/messages");
  expect(body.data).toHaveLength(1);
  await page.getByRole("link", { name: "Overview" }).click();
  await expect(page.getByRole("heading", { name: "No mail yet" })).toBeHidden();
});

test("a key that may only read is not offered to send", async ({ page, gateway }) => {
  await page.goto(gateway.url);
  await page.getByLabel("API key").fill(await gateway.newKey(["read"]));
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "No mail yet" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Send a first mail" })).toBeHidden();
});

test("each figure leads to the list of what it counts", async ({ signedIn: page, gateway }) => {
  await sendSeveral(gateway, 2);
  await gateway.call("PUT", "/v1/sandbox/faults/ses", {
    fault: "refuse_recipient",
    recipient: "bad@example.net",
  });
  await gateway.send({ mode: "sync", to: ["bad@example.net"] });

  const sent = page.getByRole("link", { name: /^Sent 2/ });
  await expect(sent).toBeVisible();
  await expect(page.getByText("Nothing needs you")).toBeVisible();
  await page.getByRole("link", { name: /^Failed 1/ }).click();
  await expect(page).toHaveURL(/\/messages\?q=/);
  const line = new URL(page.url()).searchParams.get("q") ?? "";
  expect(line).toMatch(/^status:failed,expired since:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

  const { body } = await gateway.call("GET", `/v1/messages?q=${encodeURIComponent(line)}`);
  expect(body.data.map((message: any) => message.to)).toEqual([["bad@example.net"]]);
});

test("the period stands in the address and survives a reload", async ({
  signedIn: page,
  gateway,
}) => {
  await sendSeveral(gateway, 1);
  await page.getByRole("radiogroup", { name: "Period" }).getByText("7 d").click();
  await expect(page).toHaveURL(/period=7d/);
  await page.reload();
  await expect(page.getByRole("heading", { name: "Providers in the last 7 days" })).toBeVisible();
  await expect(page.getByRole("radio", { name: "7 d" })).toBeChecked();
});

for (const scheme of ["light", "dark"] as const) {
  test(`the charts are drawn, and can be read as tables (${scheme})`, async ({
    signedIn: page,
    gateway,
  }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await sendSeveral(gateway, 3);
    const chart = page.getByRole("figure", { name: /Messages.*In all: Sent 3/ });
    await expect(chart.locator(".recharts-bar-rectangle path").first()).toBeVisible();
    await expectAccessible(page);

    await chart.getByRole("button", { name: "Table" }).click();
    await expect(chart.getByRole("cell", { name: "3", exact: true })).toBeVisible();
    await expect(chart.getByRole("rowheader").getByRole("link")).toHaveAttribute(
      "href",
      /since.*until/,
    );
    await expectAccessible(page);
  });
}

test("mail of which nobody knows whether it was taken stands above everything else", async ({
  signedIn: page,
  gateway,
}) => {
  await breakProvider(gateway, "ses", "taken_then_cut");
  await gateway.send();
  const needs = page.getByRole("list", { name: "What needs you" });
  await expect(needs.getByText("1 message with an unknown outcome")).toBeVisible();
  await needs.getByRole("link", { name: /Decide/ }).click();
  await expect(page).toHaveURL(/q=status(:|%3A)unknown/);
});

test("a page full of trouble still fits a phone", async ({ signedIn: page, gateway }) => {
  await breakProvider(gateway, "ses", "down");
  await sendSeveral(gateway, 7);
  await page.setViewportSize({ width: 360, height: 740 });
  await expect(page.getByText("ses is out of service")).toBeVisible();
  await expectNoSidewaysScroll(page);
  await page.goto(`${gateway.url}/providers`);
  await expect(page.getByText(/^Out of service: /)).toBeVisible();
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
});

test("the figures come back by themselves when the gateway was away", async ({
  signedIn: page,
  gateway,
}) => {
  await sendSeveral(gateway, 1);
  await expect(page.getByRole("link", { name: /^Sent 1/ })).toBeVisible();
  await gateway.stop();
  await expect(page.getByText("The gateway cannot be reached")).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("link", { name: /^Sent 1/ })).toBeVisible();

  await gateway.start();
  await expect(page.getByText("The gateway cannot be reached")).toBeHidden({ timeout: 30_000 });
  await sendSeveral(gateway, 1);
  await expect(page.getByRole("link", { name: /^Sent 2/ })).toBeVisible({ timeout: 30_000 });
});
