// What can go wrong with a call, as three kinds of error that a page can put into words.

import type { Problem } from "./types";

/** The API answered, and said no (RFC 9457). */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly faults: readonly { pointer: string; detail: string }[];
  readonly retryAfterSeconds: number | null;
  readonly body: unknown;

  constructor(status: number, body: Partial<Problem> | undefined, retryAfter: string | null) {
    super(body?.detail || body?.title || `The gateway answered ${status}.`);
    this.name = "ApiProblem";
    this.status = status;
    this.code = body?.code ?? `http_${status}`;
    this.title = body?.title ?? `The gateway answered ${status}`;
    this.faults = body?.errors ?? [];
    const seconds = Number(retryAfter);
    this.retryAfterSeconds = retryAfter !== null && Number.isFinite(seconds) ? seconds : null;
    this.body = body;
  }
}

/** No answer came: the gateway is away, the network is down, or the page may not call it (CORS). */
export class Unreachable extends Error {
  constructor(cause?: unknown) {
    super("The gateway cannot be reached.", { cause });
    this.name = "Unreachable";
  }
}

/** Whether the same call may well succeed in a moment, so that asking again makes sense. */
export function isPassing(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  return error instanceof ApiProblem && (error.status === 429 || error.status >= 500);
}

/** Whether the gateway as a whole is away, as against one call that was refused. */
export function isAway(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  return error instanceof ApiProblem && [502, 503, 504].includes(error.status);
}
