// One delivery: what was sent, byte for byte, and what was answered each time.

import { Button, Drawer, Group, Stack, Text, Title } from "@mantine/core";
import { IconRepeat } from "@tabler/icons-react";
import { Allowed } from "../../parts/allowed";
import { CodeBlock } from "../../parts/copy";
import { TextLink } from "../../parts/links";
import { Loaded } from "../../parts/loaded";
import { notifyDone, notifyProblem } from "../../parts/notify";
import { WordBadge } from "../../parts/state-badge";
import { When } from "../../parts/when";
import { replayDelivery, useChange, useDelivery } from "./queries";
import {
  type CallAttempt,
  type Delivery,
  DELIVERY_WORDS,
  laidOut,
  messageOf,
  resultOf,
} from "./words";

interface Props {
  delivery: Delivery | null;
  onClose: () => void;
}

export function DeliveryDrawer({ delivery, onClose }: Props) {
  return (
    <Drawer
      opened={delivery !== null}
      onClose={onClose}
      position="right"
      size="xl"
      title={delivery?.event_type}
      closeButtonProps={{ "aria-label": "Close the delivery" }}
    >
      {delivery && <Shown first={delivery} />}
    </Drawer>
  );
}

function Shown({ first }: { first: Delivery }) {
  const delivery = useDelivery(first);
  return <Loaded query={delivery}>{(now) => <Details delivery={now} />}</Loaded>;
}

function Details({ delivery }: { delivery: Delivery }) {
  const { webhook_id, id, state, next_attempt_at, attempts, body } = delivery;
  const replay = useChange(() => replayDelivery(webhook_id, id));
  const message = messageOf(body);
  const run = () =>
    replay.mutate(undefined, {
      onSuccess: () => notifyDone("It is sent again, with the same id."),
      onError: (error) => notifyProblem(error, "It was not sent again"),
    });
  return (
    <Stack>
      <Group justify="space-between">
        <Group gap="xs">
          <WordBadge word={DELIVERY_WORDS[state]} />
          {next_attempt_at && (
            <Text size="sm" c="dimmed">
              next attempt <When at={next_attempt_at} />
            </Text>
          )}
        </Group>
        <Allowed scope="manage">
          <Button
            size="xs"
            variant="default"
            loading={replay.isPending}
            onClick={run}
            leftSection={<IconRepeat size={16} aria-hidden />}
          >
            {state === "pending" ? "Send now" : "Send again"}
          </Button>
        </Allowed>
      </Group>
      <Text size="sm">
        <code>webhook-id: {id}</code>
        {message && (
          <>
            {" · "}
            <TextLink to="/messages/$id" params={{ id: message }} size="sm">
              To the message
            </TextLink>
          </>
        )}
      </Text>
      <Title order={3} size="h5">
        Attempts
      </Title>
      {attempts.length === 0 && <Text size="sm">None yet.</Text>}
      {attempts.map((attempt) => (
        <AttemptShown key={attempt.at} attempt={attempt} />
      ))}
      <Title order={3} size="h5">
        What is sent
      </Title>
      <CodeBlock code={laidOut(body)} label="Body" wrap />
    </Stack>
  );
}

function AttemptShown({ attempt }: { attempt: CallAttempt }) {
  return (
    <Stack gap={4}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
          {resultOf(attempt)}
        </Text>
        <Text size="xs" c="dimmed">
          <When at={attempt.at} />
        </Text>
      </Group>
      {attempt.answer && <CodeBlock code={attempt.answer} label="What was answered" wrap />}
    </Stack>
  );
}
