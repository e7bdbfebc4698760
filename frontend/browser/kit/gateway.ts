// The real process, as an operator runs it, in a directory of its own and on free ports.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const COMMAND = resolve(import.meta.dirname, "../../../.venv/bin/mail-sender");
const START_MS = 20_000;

export interface Answer {
  status: number;
  body: any;
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

export class Gateway {
  url = "";
  key = "";
  readonly directory = mkdtempSync(join(tmpdir(), "mail-sender-browser-"));
  private process: ChildProcess | null = null;
  private said = "";

  constructor(private readonly environment: Record<string, string> = {}) {}

  /** Starts it, or starts it again on the same files and address. */
  async start(): Promise<void> {
    if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is missing: run \`make setup\` first`);
    this.said = "";
    const listen = this.url ? new URL(this.url).host : "127.0.0.1:0";
    const process_ = spawn(COMMAND, ["serve"], {
      cwd: this.directory,
      env: {
        PATH: process.env.PATH ?? "",
        MAIL_SENDER_SERVER_LISTEN: listen,
        MAIL_SENDER_SANDBOX_CONTROL_PORT: "0",
        MAIL_SENDER_SANDBOX_SES_PORT: "0",
        MAIL_SENDER_SANDBOX_MAILGUN_PORT: "0",
        MAIL_SENDER_SANDBOX_SMTP_PORT: "0",
        ...this.environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = process_;
    const listenTo = (chunk: Buffer) => {
      this.said += chunk.toString();
    };
    process_.stdout.on("data", listenTo);
    process_.stderr.on("data", listenTo);
    await this.hasStarted();
  }

  private async hasStarted(): Promise<void> {
    const until = Date.now() + START_MS;
    while (Date.now() < until) {
      const url = /^url: (\S+)$/m.exec(this.said)?.[1];
      const key = /^key: (\S+)$/m.exec(this.said)?.[1];
      if (url && key) {
        this.url = url;
        this.key = key;
        // It says its address before it takes calls.
        if (await isReady(url)) return;
      }
      if (this.process?.exitCode !== null) break;
      await new Promise((resume) => setTimeout(resume, 50));
    }
    throw new Error(`the gateway did not start:\n${this.said}`);
  }

  async stop(): Promise<void> {
    const running = this.process;
    this.process = null;
    if (!running || running.exitCode !== null) return;
    const ended = once(running, "exit");
    running.kill("SIGTERM");
    const timer = setTimeout(() => running.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(timer);
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** One call of the API with the key that the gateway printed, or another one. */
  async call(method: string, path: string, body?: unknown, key = this.key): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json");
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  }

  /** Sends a mail; `fields` are those of `POST /v1/messages`. Returns the answer's body. */
  async send(fields: Record<string, unknown> = {}): Promise<any> {
    const mail = {
      from: "Shop <shop@example.com>",
      to: ["ann@example.net"],
      subject: "Order 7",
      text: "Thank you!",
      ...fields,
    };
    const { status, body } = await this.call("POST", "/v1/messages", mail);
    if (status >= 500 || status === 401) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** A key with these scopes; returns its secret. */
  async newKey(scopes: string[], fields: Record<string, unknown> = {}): Promise<string> {
    const { status, body } = await this.call("POST", "/v1/keys", {
      name: "test",
      scopes,
      ...fields,
    });
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body.secret;
  }
}
