// Who writes, who gets it, and what it is about.

import { Button, Group, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { useSession } from "../../api/session";
import { faultAt } from "../../parts/pointers";
import { useSystem } from "../../shell/system";
import type { Composing } from "./compose";
import { MailboxesInput } from "./mailboxes-input";

const EXTRA = [
  ["cc", "Cc", "/cc"],
  ["bcc", "Bcc", "/bcc"],
  ["replyTo", "Reply-To", "/reply_to"],
] as const;

const HINTS: Partial<Record<(typeof EXTRA)[number][0], string>> = {
  bcc: "They get the mail and are named nowhere in it.",
};

type Extra = (typeof EXTRA)[number][0];

export function Addresses({ draft, faults, change }: Composing) {
  const [opened, setOpened] = useState<readonly Extra[]>([]);
  const isShown = (field: Extra, pointer: string) =>
    opened.includes(field) || draft[field].length > 0 || faultAt(faults, pointer) !== null;
  const hidden = EXTRA.filter(([field, , pointer]) => !isShown(field, pointer));
  return (
    <Stack gap="sm">
      <From
        value={draft.from}
        onChange={(from) => change({ from })}
        error={faultAt(faults, "/from")}
      />
      <MailboxesInput
        label="To"
        name="To"
        placeholder="ann@example.net, or paste a list"
        value={draft.to}
        onChange={(to) => change({ to })}
        error={faultAt(faults, "/to", draft.to)}
      />
      {EXTRA.filter(([field, , pointer]) => isShown(field, pointer)).map(
        ([field, name, pointer]) => (
          <MailboxesInput
            key={field}
            label={name}
            name={name}
            description={HINTS[field]}
            value={draft[field]}
            onChange={(value) => change({ [field]: value })}
            error={faultAt(faults, pointer, draft[field])}
            autoFocus={opened.at(-1) === field && draft[field].length === 0}
          />
        ),
      )}
      {hidden.length > 0 && (
        <Group gap={4}>
          {hidden.map(([field, name]) => (
            <Button
              key={field}
              size="compact-xs"
              variant="subtle"
              onClick={() => setOpened([...opened, field])}
            >
              Add {name}
            </Button>
          ))}
        </Group>
      )}
      <TextInput
        label="Subject"
        value={draft.subject}
        onChange={(event) => change({ subject: event.currentTarget.value })}
        error={faultAt(faults, "/subject")}
        autoComplete="off"
      />
    </Stack>
  );
}

interface FromProps {
  value: string;
  onChange: (value: string) => void;
  error: string | null;
}

function From({ value, onChange, error }: FromProps) {
  const domains = useSession().identity?.sender_domains ?? [];
  const hasDefault = useSystem().data?.features.includes("default_sender") ?? false;
  return (
    <TextInput
      label="From"
      placeholder={hasDefault ? "The gateway's default sender" : "Shop <shop@example.com>"}
      description={
        domains.length > 0 ? `Your key may send as ${domains.join(", ")} only.` : undefined
      }
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      error={error}
      autoComplete="off"
      spellCheck={false}
      inputMode="email"
    />
  );
}
