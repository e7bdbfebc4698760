// Everything that most mails can do without, in sections that stay closed.

import { Accordion, Group, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { faultAt } from "../../parts/pointers";
import type { Composing } from "./compose";
import classes from "./compose.module.css";
import { AnswerFields, KeyField, LabelFields } from "./more-answer";
import { TimeFields } from "./more-times";
import { summaryOfAnswer, summaryOfKey, summaryOfLabels, summaryOfTimes } from "./summaries";

interface Section {
  name: string;
  title: string;
  pointers: readonly string[];
  summary: (draft: Composing["draft"]) => string;
  fields: (composing: Composing) => ReactNode;
}

const SECTIONS: readonly Section[] = [
  {
    name: "times",
    title: "When, and by which way",
    pointers: ["/send_at", "/give_up_after", "/priority", "/route", "/on_unknown"],
    summary: summaryOfTimes,
    fields: (composing) => <TimeFields {...composing} />,
  },
  {
    name: "answer",
    title: "Waiting for the result",
    pointers: ["/mode", "/timeout", "#/header/Prefer"],
    summary: summaryOfAnswer,
    fields: (composing) => <AnswerFields {...composing} />,
  },
  {
    name: "labels",
    title: "Tags, metadata, headers",
    pointers: ["/tags", "/metadata", "/headers"],
    summary: summaryOfLabels,
    fields: (composing) => <LabelFields {...composing} />,
  },
  {
    name: "key",
    title: "Never twice",
    pointers: ["#/header/Idempotency-Key"],
    summary: summaryOfKey,
    fields: (composing) => <KeyField {...composing} />,
  },
];

export function More(composing: Composing) {
  const [opened, setOpened] = useState<string[]>([]);
  const faulty = SECTIONS.filter(({ pointers }) =>
    pointers.some((pointer) => faultAt(composing.faults, pointer) !== null),
  ).map(({ name }) => name);
  const shown = [...new Set([...opened, ...faulty])];
  return (
    <Accordion multiple value={shown} onChange={setOpened} variant="separated" order={2}>
      {SECTIONS.map(({ name, title, summary, fields }) => (
        <Accordion.Item key={name} value={name}>
          <Accordion.Control>
            <Group gap="xs" wrap="nowrap" className={classes.label}>
              <Text size="sm" fw={500} style={{ whiteSpace: "nowrap" }}>
                {title}
              </Text>
              <Text size="xs" c="dimmed" className={classes.summary}>
                {summary(composing.draft)}
              </Text>
            </Group>
          </Accordion.Control>
          <Accordion.Panel>{fields(composing)}</Accordion.Panel>
        </Accordion.Item>
      ))}
    </Accordion>
  );
}
