// Short notices in the corner: what was done, and what was not.

import { notifications } from "@mantine/notifications";
import { inWords } from "./problem-notice";

/** The cross is a picture: without a name a screen reader says only "button". */
const CLOSABLE = { closeButtonProps: { "aria-label": "Close the notice" } };

export function notifyDone(message: string): void {
  notifications.show({ ...CLOSABLE, message, color: "green", autoClose: 4_000 });
}

/** Stays until it is closed: a failure must not pass unseen. */
export function notifyProblem(error: unknown, what: string): void {
  const said = inWords(error);
  const faults = said.faults.map(({ pointer, detail }) => `${pointer} ${detail}`.trim());
  const message = [said.detail, ...faults].join(" ");
  notifications.show({ ...CLOSABLE, title: what, message, color: "red", autoClose: false });
}
