// The routes' page: the order in force, and where a mail would go.

import { expect, expectAccessible, test } from "./kit/test";

test("the order of each route is shown as it is in force", async ({ signedIn: page, gateway }) => {
  await page.goto(`${gateway.url}/routes`);
  const order = page.getByRole("list", { name: "Order of the route default" });
  await expect(order.getByRole("listitem")).toHaveText([/^ses/, /^mailgun/, /^relay/]);
});

test("the test box answers as one types: who takes it, who cannot and why", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/routes`);
  await expect(page.getByText("ses would take it")).toBeVisible();
  await expect(page.getByText(/mailgun and relay stand ready/)).toBeVisible();

  await page.getByLabel("To", { exact: true }).fill("jörg@example.net");
  await expect(page.getByText("relay would take it")).toBeVisible();
  await expect(page.getByText(/No backup stands ready/)).toBeVisible();
  await expect(page.getByText("Cannot take it")).toHaveCount(2);
  await expectAccessible(page);

  const { body } = await gateway.call("GET", "/v1/messages");
  expect(body.data).toEqual([]);
});

test("a fault of the mail stands beside its field, and no old answer beside it", async ({
  signedIn: page,
  gateway,
}) => {
  await page.goto(`${gateway.url}/routes`);
  await expect(page.getByText("ses would take it")).toBeVisible();
  await page.getByLabel("To", { exact: true }).fill("nobody");
  await expect(page.getByText(/the domain is missing/)).toBeVisible();
  await expect(page.getByText("ses would take it")).toBeHidden();
});

test("a provider that is paused is passed over at once", async ({ signedIn: page, gateway }) => {
  await page.goto(`${gateway.url}/routes`);
  await expect(page.getByText("ses would take it")).toBeVisible();
  await gateway.call("POST", "/v1/providers/ses/pause", { reason: "maintenance" });
  await expect(page.getByText("mailgun would take it")).toBeVisible();
  await expect(page.getByText("Not asked now")).toBeVisible();
});

test("only the last of many quick changes is waited for", async ({ signedIn: page, gateway }) => {
  let asked = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/v1/explain")) asked += 1;
  });
  await page.goto(`${gateway.url}/routes`);
  await expect(page.getByText("ses would take it")).toBeVisible();
  const before = asked;
  await page.getByLabel("Tags").pressSequentially("orders,shop,spring", { delay: 10 });
  await expect.poll(() => asked).toBeGreaterThan(before);
  expect(asked - before).toBeLessThan(5);
});
