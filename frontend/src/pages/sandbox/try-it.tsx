// The second step: send a mail, and see which provider took it and why.

import { Button, Group, Stack, Text } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { useSession } from "../../api/session";
import type { Message } from "../../api/types";
import { fateOf } from "../../parts/fate";
import { FateNotice } from "../../parts/fate-notice";
import { useFollowed } from "../../parts/followed";
import { ButtonLink, TextLink } from "../../parts/links";
import { WhatHappened } from "../../parts/what-happened";
import { When } from "../../parts/when";
import { useSendTestMail } from "./queries";

const TO = "ann@example.net";

export function TryIt() {
  const test = useSendTestMail();
  const domain = useSession().identity?.sender_domains[0] ?? "example.com";
  const send = () => {
    const subject = `Test mail of ${new Date().toLocaleTimeString()}`;
    test.mutate({ from: `Sandbox <sandbox@${domain}>`, to: TO, subject });
  };
  return (
    <Stack gap="sm">
      <Group gap="sm">
        <Button
          onClick={send}
          loading={test.isPending}
          leftSection={<IconSend size={16} aria-hidden />}
        >
          Send a test mail
        </Button>
        <Text size="sm" c="dimmed">
          to {TO}; or{" "}
          <TextLink to="/compose" inherit underline="always">
            write one of your own
          </TextLink>
          .
        </Text>
      </Group>
      {test.data && <Story message={test.data} />}
    </Stack>
  );
}

function Story({ message }: { message: Message }) {
  const now = useFollowed(message);
  return (
    <Stack gap="sm">
      <FateNotice fate={fateOf(now)} />
      {now.attempts.length > 0 && <WhatHappened attempts={now.attempts} />}
      <Group gap="sm">
        <ButtonLink to="/messages/$id" params={{ id: message.id }} size="xs" variant="light">
          Open the message
        </ButtonLink>
        {now.next_attempt_at && now.attempts.length > 0 && (
          <Text size="sm" c="dimmed">
            {now.status === "unknown" ? "Looked into again" : "Tried again"}{" "}
            <When at={now.next_attempt_at} />
          </Text>
        )}
      </Group>
    </Stack>
  );
}
