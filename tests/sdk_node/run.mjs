// One call of a vendor's library, changed by address and key alone.
//
// Reads {library, do, url, key, mail, …} from standard input, prints {value} or {error}.
import { text } from "node:stream/consumers";
import * as libraries from "./libraries.mjs";

const asked = JSON.parse(await text(process.stdin));
let said;
try {
  said = { value: (await libraries[asked.library][asked.do](asked)) ?? null };
} catch (error) {
  said = {
    error: {
      name: error.name,
      status: error.statusCode ?? error.status ?? error.code ?? error.$metadata?.httpStatusCode,
      message: JSON.stringify(error.response?.body ?? error.details ?? error.message),
    },
  };
}
process.stdout.write(JSON.stringify(said) + "\n");
