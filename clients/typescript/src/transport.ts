/**
 * One request after the other, repeated where it is safe: the rules of docs/other-clients.md.
 *
 * Whether a byte of a request may have left is known for every failure: before a connection stands,
 * none has.
 */
import http from "node:http";
import type net from "node:net";
import { AddressBook, type Entry, NoTls, dial } from "./connecting.js";

const FIRST_PAUSE = 200; // milliseconds; doubled with each failure of an address
const LONGEST_PAUSE = 5_000;
const KEEP_IDLE = 30_000; // milliseconds; the gateway keeps its side for 75 seconds
const MAY_WORK_ELSEWHERE = new Set([502, 503, 504]);
const IS_AN_OUTCOME = new Set(["not_sent", "outcome_unknown"]);

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  /** Whether carrying it out twice is the same as once: it reads only, or has a key. */
  readonly isRepeatable: boolean;
  /** Milliseconds without any progress after which the line counts as broken. */
  readonly patience: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** What the body says as JSON; undefined when it is none, or a stream. */
  readonly document: unknown;
  /** The 2xx of a call that is read as a stream. */
  readonly stream?: http.IncomingMessage;
}

/** A request brought no answer. */
export class LineBroke extends Error {
  constructor(
    readonly reason: string,
    readonly wasSent: boolean,
    readonly mayPass = true,
    /** Where it broke, if not everywhere. */
    readonly addresses?: readonly string[],
  ) {
    super(reason);
  }
}

export class Transport {
  readonly #book = new AddressBook();
  #idle: Line[] = [];

  constructor(readonly entry: Entry) {}

  /** Close the connections that are kept. A later call opens new ones. */
  close(): void {
    for (const { socket } of this.#idle) socket.destroy();
    this.#idle = [];
  }

  /** Make a call until there is an answer that is not repeated, or `deadline` ms are over. */
  async ask(call: Call, deadline: number, isStream = false): Promise<Answer> {
    const until = Date.now() + deadline;
    const notBefore = new Map<string, number>();
    const failures = new Map<string, number>();
    const hopeless = new Set<string>();
    let everywhereNotBefore = 0;
    let mayHaveArrived = false;
    let last: Answer | LineBroke = new LineBroke("no answer in time", false);

    const backOff = (address: string): number => {
      const count = failures.get(address) ?? 0;
      failures.set(address, count + 1);
      return Math.min(FIRST_PAUSE * 2 ** count, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
    };
    const rest = (address: string, wait = backOff(address)): void => {
      notBefore.set(address, Date.now() + wait);
      this.#book.failed(address, Date.now());
    };

    for (;;) {
      const known = (await this.#addresses(until)).filter((each) => !hopeless.has(each));
      const at = Math.max(
        Math.min(...known.map((each) => notBefore.get(each) ?? 0)),
        everywhereNotBefore,
      );
      if (known.length === 0 || at >= until || Date.now() >= until) break;
      if (at > Date.now()) {
        await new Promise((resolve) => setTimeout(resolve, at - Date.now()));
        continue;
      }
      const open = known.filter((each) => (notBefore.get(each) ?? 0) <= Date.now());
      const line = await this.#line(open, call, until);
      if (line instanceof LineBroke) {
        for (const address of line.addresses ?? open) {
          if (!line.mayPass) hopeless.add(address);
          rest(address);
        }
        last = line;
        continue;
      }
      last = await this.#exchange(line, call, until, isStream);
      if (last instanceof LineBroke) {
        mayHaveArrived = true;
        rest(line.address);
        this.#drop(line.address); // the idle ones to it are no better
        if (!call.isRepeatable) break;
        continue;
      }
      const code = codeOf(last);
      const wait = retryAfterOf(last);
      if (MAY_WORK_ELSEWHERE.has(last.status) && !IS_AN_OUTCOME.has(code)) {
        mayHaveArrived = true;
        rest(line.address, wait === undefined ? undefined : wait * 1000);
      } else {
        this.#book.worked(line.address, Date.now());
        if (last.status !== 429 && code !== "idempotency_in_progress") break;
        everywhereNotBefore = Date.now() + (wait === undefined ? backOff(line.address) : wait * 1000);
      }
      if (!call.isRepeatable) break;
    }
    if (last instanceof LineBroke) throw new LineBroke(last.reason, mayHaveArrived);
    return last;
  }

  async #addresses(until: number): Promise<string[]> {
    for (;;) {
      try {
        return await this.#book.inOrder(this.entry, Date.now());
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAI_AGAIN" || Date.now() + 500 >= until) {
          throw new LineBroke((error as Error).message, false);
        }
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  }

  /** Return a kept line, or a new one to the first of the addresses that takes it. */
  async #line(open: readonly string[], call: Call, until: number): Promise<Line | LineBroke> {
    // What may not be repeated goes on a line of its own: a kept one may be closed by now, and then
    // nobody knows whether it arrived.
    const kept = call.isRepeatable ? this.#kept(open) : undefined;
    if (kept) return kept;
    try {
      const { socket, address, slow } = await dial(this.entry, open, until - Date.now());
      for (const each of slow) this.#book.failed(each, Date.now());
      return lineOf(socket, address);
    } catch (error) {
      const { message } = error as Error;
      if (!(error instanceof NoTls)) return new LineBroke(message, false);
      return new LineBroke(message, false, false, [error.address]);
    }
  }

  #kept(open: readonly string[]): Line | undefined {
    this.#idle = this.#idle.filter(({ socket }) => !socket.destroyed && socket.readable);
    for (const address of open) {
      const found = this.#idle.find((each) => each.address === address);
      if (found === undefined) continue;
      this.#idle = this.#idle.filter((each) => each !== found);
      found.socket.off("data", found.end).off("error", found.end);
      return found;
    }
    return undefined;
  }

  #keep(line: Line): void {
    const { socket } = line;
    line.stop = line.end;
    socket.setTimeout(KEEP_IDLE);
    socket.on("error", line.end);
    socket.on("data", line.end); // said unasked: it would be taken for an answer
    socket.unref(); // an idle line keeps no program from its end
    this.#idle.push(line);
  }

  #drop(address: string): void {
    for (const each of this.#idle) if (each.address === address) each.socket.destroy();
    this.#idle = this.#idle.filter((each) => each.address !== address);
  }

  #exchange(line: Line, call: Call, until: number, isStream: boolean): Promise<Answer | LineBroke> {
    return new Promise((resolve) => {
      const { socket } = line;
      socket.ref();
      const request = http.request({
        createConnection: () => socket,
        host: this.entry.host,
        method: call.method,
        path: call.path,
        headers: {
          Host: this.entry.url.host,
          Accept: "application/json",
          Connection: call.isRepeatable && !isStream ? "keep-alive" : "close",
          ...call.headers,
        },
      });
      const stop = (): void => void request.destroy(new Error("no answer in time"));
      line.stop = stop;
      socket.setTimeout(call.patience);
      const end = setTimeout(stop, Math.max(0, until - Date.now()));
      const broken = (error: Error): void => {
        clearTimeout(end);
        socket.destroy();
        resolve(new LineBroke(error.message, true));
      };
      request.once("error", broken);
      request.once("response", (response) => {
        const status = response.statusCode ?? 0;
        const { headers } = response;
        if (isStream && status >= 200 && status < 300) {
          clearTimeout(end);
          resolve({ status, headers, document: undefined, stream: response });
          return;
        }
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.once("error", broken);
        response.once("end", () => {
          clearTimeout(end);
          if (!response.complete) return broken(new Error("the answer is not whole"));
          resolve({ status, headers, document: parsed(Buffer.concat(pieces).toString("utf8")) });
          const closes = !call.isRepeatable || headers.connection?.toLowerCase() === "close";
          if (closes) socket.destroy();
          else request.once("close", () => this.#keep(line));
        });
      });
      request.end(call.body);
    });
  }
}

interface Line {
  readonly address: string;
  readonly socket: net.Socket;
  /** What silence means: the end of an idle line, or of the request that is under way. */
  stop: () => void;
  readonly end: () => void;
}

function lineOf(socket: net.Socket, address: string): Line {
  const end = (): void => void socket.destroy();
  const line = { address, socket, stop: end, end };
  socket.on("timeout", () => line.stop());
  return line;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function codeOf(answer: Answer): string {
  const code = (answer.document as { code?: unknown } | undefined | null)?.code;
  return answer.status >= 400 && typeof code === "string" ? code : "";
}

export function retryAfterOf(answer: Answer): number | undefined {
  const text = answer.headers["retry-after"] ?? "";
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}
