// Webhooks: made, tried, failing, replayed, paused, and their secret.

import { createHmac } from "node:crypto";
import { Gateway } from "./kit/gateway";
import { LOOPBACK_ALLOWED, Receiver } from "./kit/receiver";
import { expect, expectAccessible, expectNoSidewaysScroll, test as base } from "./kit/test";

const test = base.extend<{ receiver: Receiver }>({
  receiver: async ({}, use) => {
    const receiver = new Receiver();
    await receiver.start();
    await use(receiver);
    receiver.stop();
  },
  gateway: async ({}, use) => {
    const gateway = new Gateway(LOOPBACK_ALLOWED);
    await gateway.start();
    await use(gateway);
    await gateway.remove();
  },
});

test("a webhook is made, its secret shown once, and a test signed with it arrives", async ({
  signedIn: page,
  gateway,
  receiver,
}) => {
  await page.goto(`${gateway.url}/webhooks`);
  await expect(page.getByText("No program is told of events")).toBeVisible();
  await page.getByRole("button", { name: "New webhook" }).click();
  await page.getByLabel("Address").fill("http://169.254.169.254/latest");
  await page.getByRole("button", { name: "Create the webhook" }).click();
  await expect(page.getByLabel("Address")).toHaveAttribute("aria-invalid", "true");
  await expectAccessible(page);
  await page.getByLabel("Address").fill(receiver.url);
  await page.getByRole("combobox", { name: "Events" }).fill("message.*");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab"); // closes the list
  await page.getByRole("button", { name: "Create the webhook" }).click();

  const secret = (await page.getByRole("region", { name: "Secret" }).innerText()).trim();
  expect(secret).toMatch(/^whsec_/);
  await expectAccessible(page);
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Close", exact: true }).click();
  expect(await page.content()).not.toContain(secret);

  await page.getByRole("button", { name: /^Test / }).click();
  await expect(page.getByText(/It took the test: 204/)).toBeVisible();
  const [call] = receiver.calls;
  const {
    "webhook-id": id,
    "webhook-timestamp": at,
    "webhook-signature": signature,
  } = call?.headers ?? {};
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const expected = createHmac("sha256", key)
    .update([id, at, call?.body].join("."))
    .digest("base64");
  expect(signature).toBe(`v1,${expected}`);

  await gateway.send({ subject: "Order 9" });
  const sent = page.getByRole("row").filter({ hasText: "message.sent" });
  await expect(sent).toContainText("Delivered");
  await sent.getByRole("button", { name: "message.sent" }).click();
  await page.getByRole("dialog").getByRole("link", { name: "To the message" }).click();
  await expect(page.getByRole("heading", { name: "Order 9" })).toBeVisible();
});

test("a receiver that fails is told on the overview, and its events are sent again when it is well", async ({
  signedIn: page,
  gateway,
  receiver,
}) => {
  receiver.status = 500;
  const { body } = await gateway.call("POST", "/v1/webhooks", { url: receiver.url });
  expect(body.id).toMatch(/^whk_/);
  await gateway.send();
  await page.goto(gateway.url);
  await expect(page.getByText(/A webhook takes nothing/)).toBeVisible();
  await page.goto(`${gateway.url}/webhooks`);
  await expect(page.getByText("Nothing is taken")).toBeVisible();
  await page.getByRole("button", { name: /^Deliveries to/ }).click();
  const row = page.getByRole("row").filter({ hasText: "message.sent" });
  await expect(row).toContainText("Pending");
  await row.getByRole("button", { name: "message.sent" }).click();
  const drawer = page.getByRole("dialog");
  await expectAccessible(page);

  receiver.status = 204;
  await drawer.getByRole("button", { name: "Send now" }).click();
  await expect(drawer.getByText(/^204 in/)).toBeVisible();
  await drawer.getByRole("button", { name: "Send again" }).click();
  await expect(page.getByText("It is sent again, with the same id.").first()).toBeVisible();
  await page.getByRole("button", { name: "Close the delivery" }).click();
  await expect(page.getByText("Nothing is taken")).toBeHidden();

  await page.getByRole("button", { name: /^Actions for/ }).click();
  await page.getByRole("menuitem", { name: "Replay a period…" }).click();
  await page.getByLabel("Also what it took already").check();
  await page.getByRole("button", { name: "Count first" }).click();
  await expect(page.getByText(/events? would be sent/)).toBeVisible();
  const before = receiver.calls.length;
  await page.getByRole("button", { name: "Send them again" }).click();
  await expect(page.getByText(/(is|are) sent again\./)).toBeVisible();
  await expect.poll(() => receiver.calls.length).toBeGreaterThan(before);
});

test("a pause holds events back until it ends, a new secret replaces the old, a deletion asks first", async ({
  signedIn: page,
  gateway,
  receiver,
}) => {
  await gateway.call("POST", "/v1/webhooks", { url: receiver.url, description: "The shop" });
  await page.goto(`${gateway.url}/webhooks`);
  const choose = async (name: string) => {
    await page.getByRole("button", { name: /^Actions for/ }).click();
    await page.getByRole("menuitem", { name }).click();
  };
  await choose("Pause…");
  await page.getByLabel("Why?").fill("The shop moves");
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await expect(page.getByText("Paused by a person")).toBeVisible();
  await expect(page.getByText(/The shop moves/)).toBeVisible();
  await gateway.send();
  await choose("Resume, with what it missed");
  await expect(page.getByText("Paused by a person")).toBeHidden();
  await expect.poll(() => receiver.calls.map(({ body }) => body).join()).toContain("message.sent");

  await choose("Rotate the secret…");
  await page.getByRole("button", { name: "Make the new secret" }).click();
  await expect(page.getByText("events carry both signatures")).toBeVisible();
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await page.setViewportSize({ width: 360, height: 740 });
  await page.reload();
  await expect(page.getByText("The old secret signs too")).toBeVisible();
  await expectNoSidewaysScroll(page);

  await choose("Delete…");
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page.getByText("No program is told of events")).toBeVisible();
});

test("a key that may only read sees deliveries and can change nothing", async ({
  signedIn: page,
  gateway,
  receiver,
}) => {
  await gateway.call("POST", "/v1/webhooks", { url: receiver.url });
  const key = await gateway.newKey(["read"]);
  await page.getByRole("button", { name: "Your key" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Webhooks" }).click();
  await expect(page.getByRole("button", { name: /^Deliveries to/ })).toBeVisible();
  await expect(page.getByRole("button", { name: /^(Test|Actions for)/ })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "New webhook" })).toHaveCount(0);
});
