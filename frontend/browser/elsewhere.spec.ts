// The built files on a server of their own, as a team with its own web server would have them.

import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Gateway } from "./kit/gateway";
import { expect, test as base } from "./kit/test";

const BUILT = resolve(import.meta.dirname, "../../src/mail_sender/web");
const PYTHON = resolve(import.meta.dirname, "../../.venv/bin/python");

/** Python's file server: one that knows nothing of the frontend or the gateway. */
class StaticServer {
  readonly directory = mkdtempSync(join(tmpdir(), "mail-sender-static-"));
  url = "";
  private process: ChildProcess | null = null;

  async start(): Promise<void> {
    cpSync(BUILT, this.directory, { recursive: true });
    const server = spawn(PYTHON, ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"], {
      cwd: this.directory,
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.process = server;
    let said = "";
    server.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await expect.poll(() => said, { timeout: 20_000 }).toMatch(/port \d+/);
    this.url = `http://127.0.0.1:${/port (\d+)/.exec(said)?.[1] ?? ""}`;
  }

  pointTo(gateway: string): void {
    writeFileSync(join(this.directory, "config.json"), JSON.stringify({ api: gateway }));
  }

  stop(): void {
    this.process?.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const test = base.extend<{ elsewhere: StaticServer }>({
  elsewhere: async ({}, use) => {
    const server = new StaticServer();
    await server.start();
    await use(server);
    server.stop();
  },

  gateway: async ({ elsewhere }, use) => {
    const gateway = new Gateway({
      MAIL_SENDER_SERVER_CORS_ORIGINS: elsewhere.url,
      MAIL_SENDER_SERVER_FRONTEND: "off",
    });
    await gateway.start();
    elsewhere.pointTo(gateway.url);
    await use(gateway);
    await gateway.remove();
  },
});

test.use({ mustStayHome: false });

test("it waits for a gateway that is not there yet, and works when it comes", async ({
  page,
  gateway,
  elsewhere,
  strays,
}) => {
  await gateway.stop();
  await page.goto(elsewhere.url);
  await page.getByLabel("API key").fill(gateway.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("No answer came.")).toBeVisible();

  await gateway.start();
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("navigation", { name: "Pages" })).toBeVisible();
  await expect(page.getByText("Live", { exact: true })).toBeVisible();

  await page.getByRole("link", { name: "Messages" }).click();
  await gateway.send({ subject: "Seen from another origin" });
  await expect(page.getByText("Seen from another origin")).toBeVisible();
  const others = strays.filter((url) => !url.startsWith(elsewhere.url));
  expect(others).toEqual([]);
});

test("an address that makes no sense is told, not guessed", async ({ page, elsewhere }) => {
  writeFileSync(join(elsewhere.directory, "config.json"), '{"api": "mail.example.com"}');
  await page.goto(elsewhere.url);
  await expect(page.getByText(/config.json: `api` must be an address/)).toBeVisible();
});

test("a gateway that does not allow the page's origin lets it read nothing", async ({
  page,
  elsewhere,
}) => {
  const strict = new Gateway();
  await strict.start();
  elsewhere.pointTo(strict.url);
  try {
    await page.goto(elsewhere.url);
    await page.getByLabel("API key").fill(strict.key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.getByText("No answer came.")).toBeVisible();
  } finally {
    await strict.remove();
  }
});
