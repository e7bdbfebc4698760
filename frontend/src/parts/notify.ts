// Short notices in the corner: what was done, and what was not.

import { notifications } from "@mantine/notifications";
import { inWords } from "./problem-notice";

export function notifyDone(message: string): void {
  notifications.show({ message, color: "green", autoClose: 4_000 });
}

/** Stays until it is closed: a failure must not pass unseen. */
export function notifyProblem(error: unknown, what: string): void {
  const said = inWords(error);
  const faults = said.faults.map(({ pointer, detail }) => `${pointer} ${detail}`.trim());
  const message = [said.detail, ...faults].join(" ");
  notifications.show({ title: what, message, color: "red", autoClose: false });
}
