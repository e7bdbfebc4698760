// One call of a vendor's library, changed by address and key alone.
//
// Reads {library, do, url, key, mail, …} as a line from standard input, prints {value} or {error}.
import { createInterface } from "node:readline";
import * as libraries from "./libraries.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const asked = JSON.parse((await lines.next()).value);

// Sends `count` mails one after the other. After `rest_after` of them it says so in a line and
// goes on at the next line from standard input, its connections still open.
async function sendMany() {
  const { send } = libraries[asked.library];
  for (let number = 0; number < asked.count; number += 1) {
    if (number === asked.rest_after) {
      process.stdout.write("resting\n");
      await lines.next();
    }
    const mail = { ...asked.mail, subject: `${asked.mail.subject} ${number}` };
    const answer = await send({ ...asked, mail });
    if (answer?.error) throw new Error(JSON.stringify(answer.error)); // Resend's never throws
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
