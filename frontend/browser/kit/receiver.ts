// A client's program that is told of events by webhook.

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What a gateway needs to be told before it calls a receiver on this machine. */
export const LOOPBACK_ALLOWED = {
  MAIL_SENDER_WEBHOOKS_ALLOW_HTTP: "true",
  MAIL_SENDER_WEBHOOKS_ALLOW_PRIVATE_NETWORKS: "127.0.0.0/8",
};

interface Call {
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** Keeps what it is told, and answers as it is set. */
export class Receiver {
  status = 204;
  readonly calls: Call[] = [];
  private readonly server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      this.calls.push({ headers: request.headers, body });
      response.writeHead(this.status).end(this.status === 500 ? "the database is full" : "");
    });
  });

  async start(): Promise<void> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hooks/mail`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
