// One webhook: where it leads, how it stands, what can be done, and its deliveries behind a fold.

import { Alert, Code, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAlertTriangle, IconPlayerPause } from "@tabler/icons-react";
import { useId } from "react";
import type { Webhook } from "../../api/types";
import { WordBadge } from "../../parts/state-badge";
import { When } from "../../parts/when";
import { Deliveries } from "./deliveries";
import type { WithSecret } from "./queries";
import { WebhookActions } from "./webhook-actions";
import { STANDING_WORDS, standingOf, wantsOf } from "./words";

interface Props {
  webhook: Webhook;
  onEdit: () => void;
  onSecret: (made: WithSecret, remark: string) => void;
}

export function WebhookCard({ webhook, onEdit, onSecret }: Props) {
  const [isOpen, { toggle, open }] = useDisclosure(false);
  const id = useId();
  return (
    <Paper component="section" withBorder p="md" aria-labelledby={id}>
      <Stack gap="sm">
        <Group justify="space-between" gap="sm" align="flex-start">
          <div style={{ flex: "1 1 18rem", minWidth: 0 }}>
            <Group gap="xs">
              <Title order={2} size="h5" id={id} style={{ overflowWrap: "anywhere" }}>
                {webhook.url}
              </Title>
              <WordBadge word={STANDING_WORDS[standingOf(webhook)]} />
            </Group>
            {webhook.description && <Text size="sm">{webhook.description}</Text>}
          </div>
          <WebhookActions
            webhook={webhook}
            isOpen={isOpen}
            onToggle={toggle}
            onTested={open}
            onEdit={onEdit}
            onSecret={onSecret}
          />
        </Group>
        <Trouble webhook={webhook} />
        <Facts webhook={webhook} />
        {isOpen && <Deliveries webhook={webhook} />}
      </Stack>
    </Paper>
  );
}

function Trouble({ webhook: { pause, failing_since } }: { webhook: Webhook }) {
  if (pause) {
    return (
      <Alert color="gray" icon={<IconPlayerPause />} title={pausedBy(pause.by)} role="note">
        {pause.reason && `${pause.reason} · `}since <When at={pause.at} />. Events wait for it, as
        long as they are kept.
      </Alert>
    );
  }
  if (failing_since === null) return null;
  return (
    <Alert color="red" icon={<IconAlertTriangle />} title="Nothing is taken" role="note">
      Every call failed since <When at={failing_since} />. Each event is tried again over a day; the
      deliveries say what was answered.
    </Alert>
  );
}

function pausedBy(by: string): string {
  return by === "gateway" ? "Paused by the gateway" : "Paused by a person";
}

function Facts({ webhook }: { webhook: Webhook }) {
  return (
    <Group gap="xs">
      <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
        Is told of <b>{wantsOf(webhook)}</b> · made <When at={webhook.created_at} /> ·{" "}
        <Code>{webhook.id}</Code>
      </Text>
      {webhook.previous_secret_until && (
        <Text size="sm">
          The old secret signs too, until <When at={webhook.previous_secret_until} />.
        </Text>
      )}
    </Group>
  );
}
