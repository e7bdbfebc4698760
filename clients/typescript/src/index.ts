/**
 * The gateway's client for Node.js: typed by its OpenAPI document, with the rules of
 * docs/other-clients.md.
 */
import { randomUUID } from "node:crypto";
import { ClientError, type Message, NoAnswer, NotAGateway, NotDelivered, Refused } from "./errors.js";
import type { Problem } from "./errors.js";
import type { components } from "./schema.js";
import { type Answer, type Call, LineBroke, Transport, retryAfterOf } from "./transport.js";

export * from "./errors.js";
export type { components, paths } from "./schema.js";
export { InvalidWebhook, type WebhookEvent, verifyWebhook } from "./webhook.js";

type Schemas = components["schemas"];
export type Explanation = Schemas["Explanation"];
export type Event = Schemas["EventOut"];
export type BatchResult = Schemas["BatchResult"] & { idempotencyKey: string };

/** A mail as `POST /v1/messages` takes it. */
export type Mail = Omit<Schemas["SendRequest"], "mode" | "timeout"> & {
  /** Of two mails with the same key only the first is sent; made for each call without one. */
  idempotency_key?: string;
};

export interface Options {
  /** Milliseconds for a call, all its repetitions included; default 30 s, at most an hour. */
  deadline?: number;
}

export interface ClientOptions extends Options {
  /** Where to connect, instead of what the resolver says. */
  addresses?: readonly string[];
}

const PATIENCE = 10_000; // without any progress
const MARGIN = 5_000; // more than the gateway was told to take
const MOST_IN_A_BATCH = 500;
const LONGEST = 3_600_000; // far less than an idempotency key is remembered
const QUIET_FOR = 40_000; // a stream says something every 15 seconds
const DELIVERY = new Set(["message_refused", "not_sent", "outcome_unknown"]);
const ENDED = new Set(["sent", "failed", "expired", "cancelled", "suppressed"]);

interface Asked extends Partial<Omit<Call, "path">> {
  path: string;
  key?: string;
  json?: unknown;
  /** Milliseconds that the gateway may take before it answers. */
  takes?: number;
}

export class Client {
  readonly #transport: Transport;
  readonly #base: string;
  readonly #deadline: number;
  readonly #key: string;

  constructor(url: string, key: string, { deadline = 30_000, addresses = [] }: ClientOptions = {}) {
    const at = new URL(url);
    if (!/^https?:$/.test(at.protocol) || at.username) throw new TypeError("not a gateway's URL");
    const isTls = at.protocol === "https:";
    const port = Number(at.port) || (isTls ? 443 : 80);
    const host = at.hostname.replace(/^\[|\]$/g, "");
    this.#transport = new Transport({ url: at, host, port, isTls, addresses });
    this.#base = at.pathname.replace(/\/+$/, "");
    this.#deadline = limitOf(deadline);
    this.#key = key;
  }

  close(): void {
    this.#transport.close();
  }

  /** Hand a mail over: when this resolves, it is durable. `wait`: seconds to wait for its end. */
  async send(mail: Mail, { wait = 0, ...options }: Options & { wait?: number } = {}): Promise<Message> {
    const headers = wait ? { Prefer: `wait=${Math.round(wait)}` } : {};
    const deadline = options.deadline ?? this.#deadline + wait * 1000;
    return await this.#submit(mail, {}, headers, wait * 1000, deadline);
  }

  /** Send a mail and resolve when a provider took it; see `NotDelivered`. `timeout` in seconds. */
  async sendNow(
    mail: Mail,
    { timeout = 30, ...options }: Options & { timeout?: number } = {},
  ): Promise<Message> {
    const longest = Math.max(this.#deadline, timeout * 1000 + 3 * MARGIN);
    const how = { mode: "sync", timeout };
    return await this.#submit(mail, how, {}, timeout * 1000, options.deadline ?? longest);
  }

  async #submit(
    mail: Mail,
    how: object,
    headers: Record<string, string>,
    takes: number,
    deadline: number,
  ): Promise<Message> {
    const { idempotency_key: key = newKey(), ...fields } = mail;
    const json = { ...fields, ...how };
    const sent = { ...headers, "Idempotency-Key": key };
    const asked = { method: "POST", path: "/v1/messages", json, headers: sent, takes, key };
    return (await this.#done(asked, { deadline })) as Message;
  }

  /** Hand many mails over, each of which stands or falls alone; one result for each. */
  async sendBatch(mails: readonly Mail[], options: Options = {}): Promise<BatchResult[]> {
    const results: BatchResult[] = [];
    for (let n = 0; n < mails.length; n += MOST_IN_A_BATCH) {
      const part = mails.slice(n, n + MOST_IN_A_BATCH);
      const messages = part.map((mail) => ({ ...mail, idempotency_key: mail.idempotency_key ?? newKey() }));
      const asked = { method: "POST", path: "/v1/messages/batch", json: { messages }, takes: PATIENCE };
      const { data } = (await this.#done(asked, options)) as Schemas["BatchResults"];
      data.forEach((result, place) => {
        results.push({ ...result, idempotencyKey: messages[place]?.idempotency_key ?? "" });
      });
    }
    return results;
  }

  /** Ask which providers a mail would be offered to. Nothing is sent. */
  async explain(mail: Mail, options: Options = {}): Promise<Explanation> {
    const { idempotency_key: _, ...json } = mail;
    return (await this.#done({ method: "POST", path: "/v1/explain", json }, options)) as Explanation;
  }

  async status(id: string, options: Options = {}): Promise<Message> {
    return (await this.#done({ path: `/v1/messages/${encodeURIComponent(id)}` }, options)) as Message;
  }

  /** Resolve with a message when it has ended, or as it is when the deadline is over. */
  async wait(id: string, options: Options = {}): Promise<Message> {
    const until = Date.now() + limitOf(options.deadline ?? this.#deadline);
    for (let pause = 50; ; pause = Math.min(pause * 2, 1000)) {
      const left = until - Date.now();
      const message = await this.status(id, { deadline: Math.max(left, MARGIN) });
      if (ENDED.has(message.status) || left <= pause) return message;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Withdraw a message before it is handed over; one that is cancelled already stays so. */
  async cancel(id: string, options: Options = {}): Promise<Message> {
    const path = `/v1/messages/${encodeURIComponent(id)}/cancel`;
    try {
      return (await this.#done({ method: "POST", path }, options)) as Message;
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 409) throw error;
      const message = await this.status(id, options);
      if (message.status === "cancelled") return message; // perhaps by a try whose answer was lost
      throw error;
    }
  }

  /** Try a message again now. Not repeated after a lost answer: it has no key. */
  async retry(
    id: string,
    { riskDuplicate = false, ...options }: Options & { riskDuplicate?: boolean } = {},
  ): Promise<Message> {
    const path = `/v1/messages/${encodeURIComponent(id)}/retry`;
    const json = { risk_duplicate: riskDuplicate };
    return (await this.#done({ method: "POST", path, json, isRepeatable: false }, options)) as Message;
  }

  /** Events as they happen, for ever: none is left out and none comes twice. */
  async *events(
    { after, messageId, ...options }: Options & { after?: string; messageId?: string } = {},
  ): AsyncGenerator<Event, never, void> {
    // A stream without an id begins "now", each time anew: begin behind the newest that there is.
    let last = after ?? (await this.#edge("newest_first", options))?.id;
    const query = messageId === undefined ? "" : `?message_id=${encodeURIComponent(messageId)}`;
    for (let isFirst = true; ; isFirst = false) {
      if (last === undefined && !isFirst) {
        const oldest = await this.#edge("oldest_first", options);
        if (oldest) {
          last = oldest.id;
          yield oldest;
        }
      }
      const headers = { Accept: "text/event-stream", ...(last === undefined ? {} : { "Last-Event-ID": last }) };
      const answer = await this.#answer({ path: `/v1/events/stream${query}`, headers }, options, true);
      for await (const event of eventsOf(answer)) {
        last = event.id;
        yield event;
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  async #edge(order: string, options: Options): Promise<Event | undefined> {
    const page = await this.#done({ path: `/v1/events?limit=1&order=${order}` }, options);
    return (page as Schemas["EventPage"]).data[0];
  }

  // ---------------------------------------------------------------- inside

  async #done(asked: Asked, options: Options): Promise<unknown> {
    const { document } = await this.#answer(asked, options);
    if (typeof document === "object" && document !== null) return document;
    throw marked(new NotAGateway("answered in another form"), asked.key);
  }

  async #answer(asked: Asked, options: Options, isStream = false): Promise<Answer> {
    const { method = "GET", path, headers = {}, json, takes = 0, isRepeatable = true } = asked;
    const call: Call = {
      method,
      path: this.#base + path,
      headers: {
        ...headers,
        Authorization: `Bearer ${this.#key}`,
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      isRepeatable,
      patience: isStream ? QUIET_FOR : Math.max(PATIENCE, takes + MARGIN),
    };
    const deadline = limitOf(options.deadline ?? this.#deadline);
    try {
      const answer = await this.#transport.ask(call, deadline, isStream);
      if (answer.status >= 200 && answer.status < 300) return answer;
      throw marked(errorOf(answer), asked.key);
    } catch (error) {
      if (!(error instanceof LineBroke)) throw error;
      const { origin } = this.#transport.entry.url;
      throw marked(new NoAnswer(origin, error.reason, error.wasSent), asked.key);
    }
  }
}

function errorOf(answer: Answer): ClientError {
  if (answer.status < 400) return new NotAGateway(`answered ${answer.status}`);
  const problem = (answer.document ?? {}) as Partial<Problem> & { message?: Message };
  if (problem.message && DELIVERY.has(problem.code ?? "")) {
    return new NotDelivered(answer.status, problem, problem.message);
  }
  return new Refused(answer.status, problem, retryAfterOf(answer));
}

function marked<E extends ClientError>(error: E, key: string | undefined): E {
  error.idempotencyKey = key;
  return error;
}

function newKey(): string {
  return `ts-${randomUUID()}`;
}

function limitOf(deadline: number): number {
  if (deadline > 0 && deadline <= LONGEST) return deadline;
  throw new RangeError(`a deadline is more than 0 and at most ${LONGEST} milliseconds`);
}

/** Read a stream (WHATWG HTML, "Interpreting an event stream") until its end, however it ends. */
async function* eventsOf({ stream }: Answer): AsyncGenerator<Event, void, void> {
  if (!stream) return;
  let rest = "";
  try {
    for await (const piece of stream.setEncoding("utf8")) {
      const frames = (rest + String(piece)).split(/\r?\n\r?\n/);
      rest = frames.pop() ?? "";
      for (const frame of frames) {
        const data = frame.split(/\r?\n/).filter((line) => line.startsWith("data:"));
        if (data.length > 0) yield JSON.parse(data.map((line) => line.slice(5)).join("\n")) as Event;
      }
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw new NotAGateway("the stream has something else in it");
  } finally {
    stream.destroy();
  }
}
