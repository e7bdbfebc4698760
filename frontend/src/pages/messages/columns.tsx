// The columns that the list can show, and which of them the reader chose.

import { Badge, Code, Group, Text } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import type { ReactNode } from "react";
import type { Message } from "../../api/types";
import { exact, relative } from "../../parts/format";
import { MESSAGE_WORDS, wordFor } from "../../parts/words";

export interface Column {
  name: string;
  label: string;
  /** A track of CSS grid. */
  width: string;
  /** Pixels that it needs at least, so that the whole table knows when to scroll. */
  least: number;
  cell: (message: Message, now: Date) => ReactNode;
}

export const SUBJECT = "subject";

/** The first two are always shown. */
export const COLUMNS: readonly Column[] = [
  column("status", "Status", 116, (it) => <Status message={it} />),
  // The row draws the subject itself, as its link.
  {
    name: SUBJECT,
    label: "Subject",
    width: "minmax(180px, 2.2fr)",
    least: 180,
    cell: () => null,
  },
  flexible("to", "To", 160, (it) => recipientsOf(it)),
  flexible("from", "From", 160, (it) => it.from),
  column("provider", "Provider", 110, (it) => it.provider ?? "–"),
  column("attempts", "Attempts", 90, (it) => asked(it)),
  flexible("tags", "Tags", 120, (it) => <Tags tags={it.tags} />),
  column("created", "Accepted", 120, (it, now) => <Time at={it.created_at} now={now} />),
  column("updated", "Changed", 120, (it, now) => <Time at={it.updated_at} now={now} />),
  column("next", "Next attempt", 120, (it, now) => <Time at={it.next_attempt_at} now={now} />),
  column("route", "Route", 110, (it) => it.route),
  column("priority", "Priority", 90, (it) => it.priority),
  column("id", "Id", 250, (it) => <Code fz={11}>{it.id}</Code>),
];

const ALWAYS: readonly string[] = ["status", SUBJECT];
const USUAL: readonly string[] = ["to", "provider", "created"];

function column(name: string, label: string, px: number, cell: Column["cell"]): Column {
  return { name, label, width: `${px}px`, least: px, cell };
}

function flexible(name: string, label: string, least: number, cell: Column["cell"]): Column {
  return { name, label, width: `minmax(${least}px, 1.4fr)`, least, cell };
}

/** All recipients in one line: the first, and how many more. */
export function recipientsOf(message: Message): string {
  const all = [...message.to, ...message.cc, ...message.bcc];
  const [first = "–", ...others] = all;
  return others.length > 0 ? `${first} and ${others.length} more` : first;
}

// A row is drawn again and again while one scrolls: it makes do with the browser's own hints.

export function Status({ message }: { message: Message }) {
  const { label, meaning, color } = wordFor(MESSAGE_WORDS, message.status);
  return (
    <Badge color={color} variant="light" radius="sm" tt="none" fw={600} title={meaning}>
      {label}
    </Badge>
  );
}

export function Time({ at, now }: { at: string | null; now: Date }) {
  if (!at) return "–";
  const moment = new Date(at);
  return (
    <time dateTime={at} title={exact(moment)}>
      {relative(moment, now)}
    </time>
  );
}

function asked(message: Message): number {
  return message.attempts.filter(({ outcome }) => outcome !== "skipped").length;
}

function Tags({ tags }: { tags: readonly string[] }) {
  if (tags.length === 0) return "–";
  return (
    <Group gap={4} wrap="nowrap" style={{ overflow: "hidden" }}>
      {tags.slice(0, 2).map((tag) => (
        <Badge key={tag} variant="default" radius="sm" tt="none" fw={500}>
          {tag}
        </Badge>
      ))}
      {tags.length > 2 && <Text size="xs">+{tags.length - 2}</Text>}
    </Group>
  );
}

export const OPTIONAL = COLUMNS.filter(({ name }) => !ALWAYS.includes(name));

/** The columns in their order; the choice stays in this browser. */
export function useColumns() {
  const [chosen, setChosen] = useLocalStorage<readonly string[]>({
    key: "mail-sender.messages.columns",
    defaultValue: USUAL,
    getInitialValueInEffect: false,
  });
  const names = Array.isArray(chosen) ? chosen : USUAL;
  const shown = COLUMNS.filter(({ name }) => ALWAYS.includes(name) || names.includes(name));
  return { shown, names, choose: setChosen, reset: () => setChosen(USUAL) };
}
