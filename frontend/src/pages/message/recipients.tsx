import { Badge, Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import type { Recipient } from "../../api/types";
import { count } from "../../parts/format";
import { Panel } from "../../parts/panel";
import { RecipientBadge } from "../../parts/state-badge";
import { When } from "../../parts/when";
import classes from "./message.module.css";

const FIRST = 10;

export function Recipients({ recipients }: { recipients: readonly Recipient[] }) {
  const [showsAll, setShowsAll] = useState(false);
  const shown = showsAll ? recipients : recipients.slice(0, FIRST);
  return (
    <Panel title={recipients.length === 1 ? "Recipient" : `${count(recipients.length)} recipients`}>
      <ul className={classes.recipients}>
        {shown.map((recipient) => (
          <li key={`${recipient.kind} ${recipient.address}`}>
            <One recipient={recipient} />
          </li>
        ))}
      </ul>
      {shown.length < recipients.length && (
        <Button size="compact-sm" variant="subtle" mt="xs" onClick={() => setShowsAll(true)}>
          Show all {count(recipients.length)}
        </Button>
      )}
    </Panel>
  );
}

function One({ recipient }: { recipient: Recipient }) {
  const said = [recipient.code, recipient.enhanced_code, recipient.detail]
    .filter(Boolean)
    .join(" ");
  return (
    <>
      <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
        <Text size="sm" className={classes.breaks}>
          {recipient.address}{" "}
          {recipient.kind !== "to" && (
            <Badge size="xs" variant="default" radius="sm">
              {recipient.kind}
            </Badge>
          )}
        </Text>
        <RecipientBadge status={recipient.status} />
      </Group>
      <Text size="xs" c="dimmed" className={classes.breaks}>
        {recipient.provider ? `${recipient.provider}, ` : ""}
        <When at={recipient.updated_at} />
        {said && `: ${said}`}
      </Text>
    </>
  );
}
