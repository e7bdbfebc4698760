// Moves what a gateway has stored into the last day, so that charts have a course to show. The
// gateway must be stopped: the file belongs to it alone.

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Gateway } from "../kit/gateway";

const DAY_US = 24 * 3600 * 1e6;
const TIMES = {
  messages: ["created_at", "updated_at", "give_up_at", "ready_at", "finished_at"],
  recipients: ["updated_at", "taken_at"],
  attempts: ["started_at"],
  events: ["at"],
};

/** Spreads the messages over the last 24 hours in their order: few at night, most at noon. */
export function spreadOverTheLastDay(gateway: Gateway): void {
  const file = new DatabaseSync(join(gateway.directory, "var", "mail-sender.db"));
  try {
    const rows = file.prepare("SELECT seq, created_at FROM messages ORDER BY seq").all();
    file.exec("BEGIN");
    const now = Date.now() * 1_000;
    rows.forEach(({ seq, created_at }, index) => {
      const at = Math.round(now - DAY_US * (1 - courseOf((index + 1) / (rows.length + 1))));
      const back = Number(created_at) - at;
      for (const [table, columns] of Object.entries(TIMES)) {
        const set = columns.map((column) => `${column} = ${column} - ${back}`).join(", ");
        file.exec(`UPDATE ${table} SET ${set} WHERE seq = ${Number(seq)}`);
      }
    });
    file.exec("COMMIT");
  } finally {
    file.close();
  }
}

/** Where in the day the given share of the mails has passed, both 0 to 1: a slow, wavy climb. */
function courseOf(share: number): number {
  return share + 0.05 * Math.sin(share * 4 * Math.PI) + 0.004 * Math.sin(share * 22 * Math.PI);
}
