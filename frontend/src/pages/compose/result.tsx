// After sending: what the gateway answered, and what became of the mail since.

import { Alert, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconCircleCheck, IconCircleX, IconClock, IconHelpCircle } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useMay } from "../../api/session";
import { PageHeader } from "../../parts/page-header";
import { Panel } from "../../parts/panel";
import { MessageBadge } from "../../parts/state-badge";
import { WhatHappened } from "../../parts/what-happened";
import { When } from "../../parts/when";
import { useHasSandbox } from "../../shell/system";
import { type Sent, type Tone, wordsFor } from "./answers";
import type { Composing } from "./compose";
import classes from "./compose.module.css";
import { useFollowed } from "./queries";

const LOOKS = {
  good: { color: "green", icon: IconCircleCheck },
  waiting: { color: "blue", icon: IconClock },
  doubt: { color: "orange", icon: IconHelpCircle },
  bad: { color: "red", icon: IconCircleX },
} as const satisfies Record<Tone, unknown>;

interface Props {
  sent: Sent;
  onWriteAgain: Composing["writeAgain"];
}

export function Result({ sent, onWriteAgain }: Props) {
  const message = useFollowed(sent.message);
  const { tone, title, detail } = wordsFor({ ...sent, message });
  const { color, icon: Picture } = LOOKS[tone];
  const heading = useRef<HTMLHeadingElement>(null);
  // The form is gone, and with it what had the keyboard.
  useEffect(() => heading.current?.focus(), []);
  return (
    <>
      <PageHeader title="Compose" />
      <Stack maw={760}>
        <Alert
          color={color}
          icon={<Picture />}
          title={
            <Title order={2} size="h4" ref={heading} tabIndex={-1} className={classes.heading}>
              {title}
            </Title>
          }
          role="status"
        >
          {detail}
        </Alert>
        <Panel
          title={message.subject || "(no subject)"}
          actions={<MessageBadge status={message.status} />}
        >
          <Stack gap="sm">
            <Text size="sm" c="dimmed" component="div">
              <code>{message.id}</code>
              <br />
              {whoTo(message)} · answered with {sent.status} · stored{" "}
              <When at={message.created_at} />
            </Text>
            {message.attempts.length > 0 && <WhatHappened attempts={message.attempts} />}
            {message.next_attempt_at && message.attempts.length > 0 && (
              <Text size="sm">
                {message.status === "unknown" ? "Looked into again" : "Tried again"}{" "}
                <When at={message.next_attempt_at} />.
              </Text>
            )}
            <NextSteps id={message.id} />
          </Stack>
        </Panel>
        <Group>
          <Button onClick={() => onWriteAgain("empty")}>Write another mail</Button>
          <Button variant="default" onClick={() => onWriteAgain("same")}>
            Use as a draft
          </Button>
        </Group>
      </Stack>
    </>
  );
}

function NextSteps({ id }: { id: string }) {
  const mayRead = useMay("read");
  const hasSandbox = useHasSandbox();
  const maySeeInbox = useMay("content") && hasSandbox;
  if (!mayRead)
    return <Text size="sm">Keep its id: a key with the scope read can ask for it.</Text>;
  return (
    <Group gap="xs">
      <Button component={Link} to={`/messages/${id}`} size="xs" variant="light">
        Open the message
      </Button>
      {maySeeInbox && (
        <Button component={Link} to="/sandbox" size="xs" variant="default">
          To the sandbox inbox
        </Button>
      )}
    </Group>
  );
}

function whoTo({ to, cc, bcc }: Sent["message"]): string {
  const all = [...to, ...cc, ...bcc];
  const [first = "", ...others] = all;
  return others.length === 0 ? `To ${first}` : `To ${first} and ${others.length} more`;
}
