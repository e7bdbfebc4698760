// The imitated providers, broken and healed over the API.

import type { Gateway } from "./gateway";

/** What goes wrong at an account from now on, such as `{ fault: "down" }`. */
export async function breakProvider(gateway: Gateway, name: string, fault: string): Promise<void> {
  await expectDone(gateway.call("PUT", `/v1/sandbox/faults/${name}`, { fault }));
}

export async function heal(gateway: Gateway, name: string): Promise<void> {
  await expectDone(gateway.call("DELETE", `/v1/sandbox/faults/${name}`));
}

/** Sends mails one after the other, so that each one's outcome counts before the next. */
export async function sendSeveral(
  gateway: Gateway,
  number: number,
  fields: Record<string, unknown> = {},
): Promise<void> {
  for (let sent = 0; sent < number; sent += 1) await gateway.send({ mode: "sync", ...fields });
}

async function expectDone(call: ReturnType<Gateway["call"]>): Promise<void> {
  const { status, body } = await call;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
}
