/**
 * What the client throws. An error with `idempotencyKey` may be followed by the same mail with that
 * key: it is not sent twice.
 */
import type { components } from "./schema.js";

export type Message = components["schemas"]["Message"];
export type Problem = components["schemas"]["Problem"];

/** Root of everything that is thrown on purpose. */
export class ClientError extends Error {
  idempotencyKey: string | undefined;
}

/** No address of the gateway answered within the deadline. */
export class NoAnswer extends ClientError {
  constructor(
    url: string,
    readonly reason: string,
    /** Whether the gateway may have got the request all the same. */
    readonly mayHaveArrived: boolean,
  ) {
    super(`${url} did not answer: ${reason}`);
  }
}

/** Something answered, but not as a mail-sender does. */
export class NotAGateway extends ClientError {}

/** The gateway answered that it did not do what was asked; `code` tells why. */
export class Refused extends ClientError {
  /** The stable word of the problem, such as `invalid_message`; empty from a proxy. */
  readonly code: string;

  constructor(
    readonly status: number,
    /** The problem document; empty from a proxy. */
    readonly problem: Partial<Problem>,
    /** Seconds after which trying again makes sense, if the gateway said so. */
    readonly retryAfter: number | undefined,
  ) {
    const faults = (problem.errors ?? []).map((each) => `; ${each.pointer}: ${each.detail}`);
    const words = problem.detail ?? problem.title ?? "no words";
    super([status, problem.code].filter(Boolean).join(" ") + `: ${words}${faults.join("")}`);
    this.code = problem.code ?? "";
  }
}

/** A mail that was to be sent at once was not, or nobody knows: `code` tells which.
 *
 * `message_refused`: no provider takes it. `not_sent`: every provider failed, and nothing will be
 * sent later. `outcome_unknown`: a provider may have it; do not send it again before you know.
 */
export class NotDelivered extends Refused {
  constructor(
    status: number,
    problem: Partial<Problem>,
    /** With every provider's answer in `attempts`. */
    readonly outcome: Message,
  ) {
    super(status, problem, undefined);
  }
}
