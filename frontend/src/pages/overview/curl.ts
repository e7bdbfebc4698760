// A call of the API as a line for a shell. The key is named by its variable: a secret on the
// screen ends up in screenshots.

import type { SendRequest } from "../../api/types";

export function curlOf(origin: string, mail: SendRequest): string {
  return [
    `curl ${origin}/v1/messages`,
    '-H "Authorization: Bearer $MAIL_SENDER_KEY"',
    "-H 'Content-Type: application/json'",
    `-d '${jsonOf(mail).replaceAll("'", "'\\''")}'`,
  ].join(" \\\n  ");
}

/** One line for each field, lists of one in it. */
function jsonOf(mail: SendRequest): string {
  return JSON.stringify(mail, null, 2)
    .replace(/\[\s+("[^"\n]*")\s+\]/g, "[$1]")
    .replaceAll("\n", "\n  ");
}
