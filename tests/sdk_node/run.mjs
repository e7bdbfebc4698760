// One call of a vendor's library, changed by address and key alone.
//
// Reads {library, do, url, key, mail, …} from standard input, prints {value} or {error}.
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import * as libraries from "./libraries.mjs";

const asked = JSON.parse(await text(process.stdin));

// Sends `count` mails one after the other, `pause` milliseconds apart.
async function sendMany() {
  const { send } = libraries[asked.library];
  for (let number = 0; number < asked.count; number += 1) {
    const mail = { ...asked.mail, subject: `${asked.mail.subject} ${number}` };
    const answer = await send({ ...asked, mail });
    if (answer?.error) throw new Error(JSON.stringify(answer.error)); // Resend's never throws
    await setTimeout(asked.pause);
  }
}

let said;
try {
  const work = asked.do === "sendMany" ? sendMany() : libraries[asked.library][asked.do](asked);
  said = { value: (await work) ?? null };
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
