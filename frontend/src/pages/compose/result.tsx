// After sending: what the gateway answered, and what became of the mail since.

import { Button, Group, Stack, Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useMay } from "../../api/session";
import { FateNotice } from "../../parts/fate-notice";
import { useFollowed } from "../../parts/followed";
import { ButtonLink } from "../../parts/links";
import { PageHeader } from "../../parts/page-header";
import { Panel } from "../../parts/panel";
import { MessageBadge } from "../../parts/state-badge";
import { WhatHappened } from "../../parts/what-happened";
import { When } from "../../parts/when";
import { useHasSandbox } from "../../shell/system";
import { type Sent, wordsFor } from "./answers";
import type { Composing } from "./compose";

interface Props {
  sent: Sent;
  onWriteAgain: Composing["writeAgain"];
}

export function Result({ sent, onWriteAgain }: Props) {
  const message = useFollowed(sent.message);
  const heading = useRef<HTMLHeadingElement>(null);
  // The form is gone, and with it what had the keyboard.
  useEffect(() => heading.current?.focus(), []);
  return (
    <>
      <PageHeader title="Compose" />
      <Stack maw={760}>
        <FateNotice fate={wordsFor({ ...sent, message })} heading={heading} />
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
      <ButtonLink to="/messages/$id" params={{ id }} size="xs" variant="light">
        Open the message
      </ButtonLink>
      {maySeeInbox && (
        <ButtonLink to="/sandbox" size="xs" variant="default">
          To the sandbox inbox
        </ButtonLink>
      )}
    </Group>
  );
}

function whoTo({ to, cc, bcc }: Sent["message"]): string {
  const all = [...to, ...cc, ...bcc];
  const [first = "", ...others] = all;
  return others.length === 0 ? `To ${first}` : `To ${first} and ${others.length} more`;
}
