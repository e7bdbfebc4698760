// Many mails at once.

import type { Gateway } from "./gateway";

/** Mails from `first` to `last`, in one or several batches. */
export async function seed(gateway: Gateway, first: number, last: number): Promise<void> {
  for (let at = first; at <= last; at += 500) {
    const messages = Array.from({ length: Math.min(500, last - at + 1) }, (_, more) => ({
      from: "Shop <shop@example.com>",
      to: [`reader${at + more}@example.net`],
      subject: `Letter ${at + more}`,
      text: "Hello",
    }));
    const { status } = await gateway.call("POST", "/v1/messages/batch", { messages });
    if (status >= 300) throw new Error(`the batch was answered ${status}`);
  }
}
