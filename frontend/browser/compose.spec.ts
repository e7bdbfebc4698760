// Writing a mail: sent once, faults at their fields, every answer in words.

import type { Page } from "@playwright/test";
import type { Gateway } from "./kit/gateway";
import { expect, expectAccessible, test } from "./kit/test";

async function write(page: Page, gateway: Gateway, to = "ann@example.net"): Promise<void> {
  await page.goto(`${gateway.url}/compose`);
  await page.getByLabel("From").fill("Shop <shop@example.com>");
  await page.getByLabel("To", { exact: true }).fill(to);
  await page.getByLabel("Subject").fill("Order 7");
  await page.getByRole("textbox", { name: "Text" }).fill("Thank you.");
}

async function messagesOf(gateway: Gateway): Promise<any[]> {
  return (await gateway.call("GET", "/v1/messages")).body.data;
}

const openAnswer = (page: Page) =>
  page.getByRole("button", { name: /Waiting for the result/ }).click();

test("the first mail is sent, followed, and found again", async ({ signedIn: page, gateway }) => {
  await write(page, gateway);
  await expect(page.getByText("ses would take it")).toBeVisible();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Sent: ses took it" })).toBeFocused();
  await expectAccessible(page);
  await page.getByRole("link", { name: "Open the message" }).click();
  await expect(page).toHaveURL(/\/messages\/msg_/);
});

test("a pasted list becomes recipients, and everything that was filled in arrives", async ({
  signedIn: page,
  gateway,
}) => {
  await write(page, gateway, "Ann <ann@example.net>, bo@example.net; cy@example.net");
  await page.getByRole("button", { name: "Add Bcc" }).click();
  await page.getByLabel("Bcc").fill("dee@example.net");
  await page.getByRole("tab", { name: "HTML" }).click();
  await page.getByRole("textbox", { name: "HTML" }).fill('<p>Hi</p><img src="cid:logo">');
  await page.locator('input[type="file"]').setInputFiles({
    name: "logo.png",
    mimeType: "image/png",
    buffer: Buffer.from("not really a picture"),
  });
  await page.getByLabel("logo.png is inline").check();
  await page.getByRole("button", { name: /Tags, metadata/ }).click();
  await page.getByRole("combobox", { name: "Tags" }).fill("orders");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Add a pair" }).click();
  await page.getByLabel("Name of pair 1").fill("order");
  await page.getByLabel("Value of pair 1").fill("7");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("heading", { name: /^Sent/ })).toBeVisible();

  const [message] = await messagesOf(gateway);
  expect(message.to).toEqual(["Ann <ann@example.net>", "bo@example.net", "cy@example.net"]);
  expect(message.bcc).toEqual(["dee@example.net"]);
  expect(message.tags).toEqual(["orders"]);
  expect(message.metadata).toEqual({ order: "7" });
  const { body } = await gateway.call("GET", `/v1/messages/${message.id}/content`);
  expect(body.html).toContain("cid:logo");
  expect(body.attachments[0]).toMatchObject({ content_id: "logo", disposition: "inline" });
});

test("what the API finds wrong stands at its field, and nothing that was typed is lost", async ({
  signedIn: page,
  gateway,
}) => {
  await write(page, gateway);
  await page.getByRole("button", { name: /Tags, metadata/ }).click();
  await page.getByRole("button", { name: "Add a header" }).click();
  await page.getByLabel("Name of header 1").fill("Message-ID");
  await page.getByLabel("Value of header 1").fill("<1@example.com>");
  const to = page.getByLabel("To", { exact: true });
  await to.fill("-@-bad-.example");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("alert", { name: "The message is not valid" })).toBeVisible();
  // At the field, and in the list above the button.
  const said = page.getByRole("form").getByText("Message-ID: this header belongs to the gateway");
  await expect(said).toHaveCount(2);
  await expect(to).toHaveAttribute("aria-invalid", "true");
  await expect(to).toBeFocused();
  await expectAccessible(page);
  await expect(page.getByLabel("Subject")).toHaveValue("Order 7");

  await page.getByRole("button", { name: "Remove -@-bad-.example from To" }).click();
  await page.getByRole("button", { name: "Remove header 1" }).click();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("heading", { name: /^Sent/ })).toBeVisible();
});

test("a mail without recipient or address is stopped before the gateway is asked", async ({
  signedIn: page,
  gateway,
}) => {
  await write(page, gateway, "");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByText("Name at least one recipient").first()).toBeVisible();
  expect(await messagesOf(gateway)).toEqual([]);
});

test("a double click sends once", async ({ signedIn: page, gateway }) => {
  await write(page, gateway);
  await page.getByRole("button", { name: "Send", exact: true }).dblclick();
  await expect(page.getByRole("heading", { name: /^Sent/ })).toBeVisible();
  expect(await messagesOf(gateway)).toHaveLength(1);
});

test("a mail whose answer was lost is not sent twice by sending again", async ({
  signedIn: page,
  gateway,
}) => {
  await write(page, gateway);
  let isFirst = true;
  await page.route("**/v1/messages", async (route) => {
    if (route.request().method() !== "POST" || !isFirst) {
      await route.continue();
      return;
    }
    isFirst = false;
    // The gateway takes it; the answer never comes back.
    await route.fetch();
    await route.abort("connectionreset");
  });
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("alert", { name: "No answer came" })).toBeVisible();
  await expect(page.getByLabel("Subject")).toHaveValue("Order 7");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByText("nothing was sent a second time")).toBeVisible();
  expect(await messagesOf(gateway)).toHaveLength(1);
});

test("a changed mail under a used key is told apart, and gets a key of its own", async ({
  signedIn: page,
  gateway,
}) => {
  await write(page, gateway);
  await page.getByRole("button", { name: /Never twice/ }).click();
  await page.getByLabel("Idempotency key", { exact: true }).fill("order-7");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("heading", { name: /^Sent/ })).toBeVisible();
  await page.getByRole("button", { name: "Use as a draft" }).click();
  await expect(page.getByLabel("Subject")).toHaveValue("Order 7");
  await page.getByLabel("Subject").fill("Order 8");
  await page.getByRole("button", { name: /Never twice/ }).click();
  await page.getByLabel("Idempotency key", { exact: true }).fill("order-7");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(
    page.getByRole("alert", { name: "Another mail was taken under this" }),
  ).toBeVisible();
  await page.getByRole("button", { name: "Give this mail a key of its own" }).click();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.getByRole("heading", { name: /^Sent/ })).toBeVisible();
  expect(await messagesOf(gateway)).toHaveLength(2);
});

const SYNC_ANSWERS = [
  { faults: {}, title: "Sent: ses took it", status: 200 },
  {
    faults: { ses: "down", mailgun: "down", relay: "down" },
    title: "Not sent, and nothing will be",
    status: 503,
  },
  { faults: { ses: "refuse_recipient" }, title: "Refused for good", status: 422 },
  { faults: { ses: "taken_then_cut" }, title: "Nobody knows whether it was sent", status: 504 },
];

for (const { faults, title, status } of SYNC_ANSWERS) {
  test(`a sync answer ${status} is said in words: ${title}`, async ({
    signedIn: page,
    gateway,
  }) => {
    for (const [name, fault] of Object.entries(faults)) {
      const recipient = fault === "refuse_recipient" ? { recipient: "ann" } : {};
      await gateway.call("PUT", `/v1/sandbox/faults/${name}`, { fault, ...recipient });
    }
    await write(page, gateway);
    await openAnswer(page);
    await page.getByLabel(/^Sync/).check();
    await page.getByLabel("Wait at most").fill("2");
    await page.getByRole("button", { name: "Send and wait for the result" }).click();
    await expect(page.getByRole("heading", { name: title })).toBeVisible();
    await expect(page.getByText(`answered with ${status}`)).toBeVisible();
    await expect(page.getByRole("link", { name: "Open the message" })).toBeVisible();
  });
}

test("a draft survives a look at another page", async ({ signedIn: page, gateway }) => {
  await write(page, gateway);
  await page.getByRole("link", { name: "sandbox inbox", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Sandbox inbox" })).toBeVisible();
  await page.getByRole("link", { name: "Compose" }).click();
  await expect(page.getByLabel("Subject")).toHaveValue("Order 7");
});

test("sign in, write, send and open the message without a mouse", async ({ page, gateway }) => {
  const tabTo = async (target: ReturnType<Page["getByRole"]>) => {
    for (let presses = 0; presses < 60; presses += 1) {
      if (await target.evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`not reached by Tab: ${target.toString()}`);
  };
  await page.goto(gateway.url);
  await expect(page.getByLabel("API key")).toBeFocused();
  await page.keyboard.type(gateway.key);
  await page.keyboard.press("Enter");
  const compose = page.getByRole("link", { name: "Compose" });
  await expect(compose).toBeVisible();
  await tabTo(compose);
  await page.keyboard.press("Enter");
  const from = page.getByRole("textbox", { name: "From" });
  await expect(from).toBeVisible();
  await tabTo(from);
  await page.keyboard.type("shop@example.com");
  await page.keyboard.press("Tab");
  await page.keyboard.type("ann@example.net");
  await tabTo(page.getByRole("textbox", { name: "Subject" }));
  await page.keyboard.type("By keyboard");
  await tabTo(page.getByRole("textbox", { name: "Text" }));
  await page.keyboard.type("No mouse was used.");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("heading", { name: /^Sent/ })).toBeFocused();
  await tabTo(page.getByRole("link", { name: "Open the message" }));
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/messages\/msg_/);
});
