// The one way to the API: adds the key, and turns whatever is not a 2xx into an error.

import createClient, { type Client } from "openapi-fetch";
import { ApiProblem, Unreachable } from "./problem";
import type { paths } from "./schema";
import { currentKey, signOut } from "./session";

export type Api = Client<paths>;

let base = "";
let client: Api = createClient<paths>({ baseUrl: "" });

/** Called once, before anything is drawn. */
export function connect(address: string): void {
  base = address;
  client = createClient<paths>({ baseUrl: address, fetch: send });
}

/** The typed client: `answer(api().GET("/v1/messages", …))`. */
export function api(): Api {
  return client;
}

/** The full address of a path of the API, such as `/v1/events/stream`. */
export function addressOf(path: string): string {
  return base + path;
}

/** The address of the API as a person would write it, for examples to copy. */
export function apiOrigin(): string {
  return base || location.origin;
}

/** Fetch with the key. Throws `Unreachable` when no answer came. */
export async function send(request: Request): Promise<Response> {
  const key = currentKey();
  if (key && !request.headers.has("Authorization")) {
    request.headers.set("Authorization", `Bearer ${key}`);
  }
  try {
    return await fetch(request, { credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new Unreachable(error);
  }
}

interface Answered<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/**
 * The body of a 2xx answer.
 *
 * Throws `ApiProblem` for every other answer and `Unreachable` for none. A 401 signs out, since
 * no other call would fare better.
 */
export async function answer<T>(call: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok) return data as T;
  throw problemOf(response, error);
}

/** The error for an answer that is no 2xx; `body` is its JSON, if it had any. */
export function problemOf(response: Response, body: unknown): ApiProblem {
  if (response.status === 401) signOut("Your key is no longer accepted. Sign in again.");
  const problem = typeof body === "object" && body !== null ? body : undefined;
  return new ApiProblem(response.status, problem, response.headers.get("retry-after"));
}
