// The frame around the pages.

import { expect, expectAccessible, expectNoSidewaysScroll, signIn, test } from "./kit/test";

const PAGES = [
  "/",
  "/messages",
  "/compose",
  "/providers",
  "/routes",
  "/suppressions",
  "/webhooks",
  "/keys",
  "/sandbox",
  "/system",
];

for (const scheme of ["light", "dark"] as const) {
  test(`no page has a serious fault for people with a screen reader or weak eyes (${scheme})`, async ({
    page,
    gateway,
  }) => {
    test.setTimeout(240_000);
    await gateway.send({ mode: "sync" });
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.goto(gateway.url);
    await expectAccessible(page);
    await signIn(page, gateway);
    for (const path of PAGES) {
      await page.goto(gateway.url + path);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
      await expectAccessible(page);
    }
  });
}

test("a phone shows every page without scrolling sideways", async ({ page, gateway }) => {
  test.setTimeout(240_000);
  await gateway.send({
    mode: "sync",
    subject: "A subject so long that it would make any page too wide ".repeat(3),
  });
  await page.setViewportSize({ width: 360, height: 740 });
  await signIn(page, gateway);
  for (const path of PAGES) {
    await page.goto(gateway.url + path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expectNoSidewaysScroll(page);
  }
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByRole("link", { name: "Messages" }).click();
  await expect(page).toHaveURL(/\/messages/);
});

test("the key is in no address and gone with the tab", async ({ signedIn, gateway, context }) => {
  for (const path of PAGES) {
    await signedIn.goto(gateway.url + path);
    expect(signedIn.url()).not.toContain(gateway.key);
  }
  const stored = await signedIn.evaluate(() => JSON.stringify(localStorage));
  expect(stored).not.toContain(gateway.key);
  const other = await context.newPage();
  await other.goto(gateway.url);
  await expect(other.getByLabel("API key")).toBeVisible();
});

test("a page goes on by itself when the gateway was away for a while", async ({
  signedIn,
  gateway,
}) => {
  await signedIn.goto(`${gateway.url}/system`);
  await gateway.stop();
  await expect(signedIn.getByText("The gateway cannot be reached")).toBeVisible({
    timeout: 30_000,
  });
  await gateway.start();
  await expect(signedIn.getByText("The gateway cannot be reached")).toBeHidden({
    timeout: 30_000,
  });
});

test("a gateway that answers 503 is told in its words, and its recovery needs no reload", async ({
  signedIn: page,
  gateway,
}) => {
  await gateway.send({ subject: "Before the trouble" });
  await page.goto(`${gateway.url}/messages`);
  await expect(page.getByText("Before the trouble")).toBeVisible();
  const problem = {
    type: "about:blank",
    title: "The store does not answer",
    status: 503,
    code: "store_unavailable",
    detail: "The disk is full.",
  };
  await page.route("**/v1/**", (route) =>
    route.fulfill({
      status: 503,
      contentType: "application/problem+json",
      headers: { "Retry-After": "1" },
      body: JSON.stringify(problem),
    }),
  );
  await gateway.send({ subject: "During the trouble" });
  await expect(page.getByText("The gateway cannot answer now")).toBeVisible();
  await expect(page.getByText(/The disk is full\./)).toBeVisible();
  await expect(page.getByText("Before the trouble")).toBeVisible();
  await page.unroute("**/v1/**");
  await expect(page.getByText("The gateway cannot answer now")).toBeHidden();
  await expect(page.getByText("During the trouble")).toBeVisible();
});

test("what happens elsewhere shows without a reload", async ({ signedIn, gateway }) => {
  await signedIn.goto(`${gateway.url}/messages`);
  await expect(signedIn.getByText("Live", { exact: true })).toBeVisible();
  await gateway.send({ subject: "It came by itself" });
  await expect(signedIn.getByText("It came by itself")).toBeVisible();
});

test("an address that leads nowhere says so", async ({ signedIn, gateway }) => {
  await signedIn.goto(`${gateway.url}/nothing-here`);
  await expect(signedIn.getByText("There is no page at this address")).toBeVisible();
});
