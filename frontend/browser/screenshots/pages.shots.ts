// A picture of every page in both schemes, and of some on a phone, for docs/frontend.md.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Page } from "@playwright/test";
import { Gateway } from "../kit/gateway";
import { LOOPBACK_ALLOWED, Receiver } from "../kit/receiver";
import { expect, signIn, test as base } from "../kit/test";
import { type Story, tell } from "./story";

const IMAGES = resolve(import.meta.dirname, "../../../docs/images");
const WEBP_QUALITY = 82;

interface Picture {
  name: string;
  path: (story: Story) => string;
  /** What is done on the page before the picture is taken. */
  act?: (page: Page) => Promise<void>;
  /** Also on a phone. */
  phone?: true;
  height?: number;
}

const PICTURES: readonly Picture[] = [
  { name: "overview", path: () => "/", act: drawn, phone: true, height: 1040 },
  { name: "messages", path: () => "/messages", phone: true },
  { name: "message", path: ({ detour }) => `/messages/${detour}`, phone: true, height: 1180 },
  { name: "unknown", path: ({ unknown }) => `/messages/${unknown}`, height: 1000 },
  { name: "compose", path: () => "/compose", act: write, phone: true, height: 960 },
  { name: "providers", path: () => "/providers", act: drawn, height: 1180 },
  { name: "routes", path: () => "/routes", act: address },
  { name: "suppressions", path: () => "/suppressions" },
  { name: "webhooks", path: () => "/webhooks", act: unfold },
  { name: "keys", path: () => "/keys" },
  { name: "sandbox", path: () => "/sandbox", act: sendOne, height: 1100 },
  { name: "system", path: () => "/system" },
];

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

test("pictures of every page", async ({ page, gateway, receiver }) => {
  const story = await tell(gateway, receiver.url);
  mkdirSync(IMAGES, { recursive: true });
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width: 1280, height: 640 });
    await page.goto(gateway.url);
    await expect(page.getByLabel("API key")).toBeVisible();
    await take(page, `sign-in-${scheme}`);
    await signIn(page, gateway);
    for (const picture of PICTURES) {
      await page.setViewportSize({ width: 1280, height: picture.height ?? 800 });
      await open(page, gateway, picture, story);
      await take(page, `${picture.name}-${scheme}`);
    }
    await page.evaluate(() => sessionStorage.clear());
  }

  await page.setViewportSize({ width: 360, height: 760 });
  await page.emulateMedia({ colorScheme: "light" });
  await signIn(page, gateway);
  for (const picture of PICTURES.filter(({ phone }) => phone)) {
    await open(page, gateway, picture, story);
    await take(page, `${picture.name}-phone`);
  }
  // `make docs` takes them again when this no longer fits.
  writeFileSync(join(IMAGES, "made-from.sha256"), `${process.env.MADE_FROM ?? ""}\n`);
});

async function open(page: Page, gateway: Gateway, picture: Picture, story: Story): Promise<void> {
  await page.goto(gateway.url + picture.path(story));
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
  await picture.act?.(page);
  // What was asked for while the page settled has come, and nothing hovers.
  await page.mouse.move(0, 0);
  await page.waitForTimeout(800);
}

/** WebP: a third of a PNG's size for pages like these. */
async function take(page: Page, name: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const options = { format: "webp", quality: WEBP_QUALITY } as const;
  const { data } = await session.send("Page.captureScreenshot", options);
  await session.detach();
  writeFileSync(join(IMAGES, `${name}.webp`), Buffer.from(data, "base64"));
}

async function drawn(page: Page): Promise<void> {
  await expect(page.locator(".recharts-bar-rectangle path").first()).toBeVisible();
}

async function write(page: Page): Promise<void> {
  await page.getByLabel("From").fill("Shop <shop@example.com>");
  const to = page.getByLabel("To", { exact: true });
  await to.fill("Ann <ann@example.net>, bo@example.net, ");
  await page.getByLabel("Subject").fill("Your order 4711 is on its way");
  await page
    .getByRole("textbox", { name: "Text" })
    .fill(
      "Hello Ann,\n\nyour order 4711 is on its way and should reach you on Friday.\n\nThe shop",
    );
  await expect(page.getByText("would take it")).toBeVisible();
}

async function address(page: Page): Promise<void> {
  await page.getByLabel("To", { exact: true }).fill("ann@example.net");
  await expect(page.getByText("would take it")).toBeVisible();
}

async function unfold(page: Page): Promise<void> {
  await page.getByRole("button", { name: /^Deliveries to/ }).click();
  await expect(page.getByRole("table", { name: "Deliveries" })).toBeVisible();
}

async function sendOne(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Send a test mail" }).click();
  await expect(page.getByRole("heading", { name: /^Sent/ })).toBeVisible();
}
