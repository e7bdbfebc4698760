// Hands mails to BullMQ, 64 at once.
import { readFileSync } from "node:fs";
import { Queue } from "bullmq";

const redis = new URL(process.env.REDIS_URL);
const mail = JSON.parse(readFileSync(process.env.MAIL, "utf8"));
const wanted = Number(process.argv[2]);
const queue = new Queue("mails", {
  connection: { host: redis.hostname, port: Number(redis.port) },
});
await queue.waitUntilReady();

const begun = performance.now();
const cpu = process.cpuUsage();
let next = 0;
await Promise.all(
  Array.from({ length: 64 }, async () => {
    while (next < wanted) {
      const metadata = { number: `m${next++}` };
      await queue.add("send", { ...mail, metadata }, {
        attempts: 10,
        backoff: { type: "exponential", delay: 1000 },
      });
    }
  }),
);
const used = process.cpuUsage(cpu);
console.log(
  JSON.stringify({
    took: (performance.now() - begun) / 1000,
    cpu_s: (used.user + used.system) / 1e6,
  }),
);
process.exit(0);
