import { Alert, Group, Stack, Text } from "@mantine/core";
import { IconCircleCheck, IconExclamationCircle } from "@tabler/icons-react";
import type { System } from "../../api/types";
import { Panel } from "../../parts/panel";
import { WordBadge } from "../../parts/state-badge";
import { useHealth } from "./queries";

export function Health({ system: { ready, why_not_ready, store } }: { system: System }) {
  return (
    <Panel title="Health">
      <Stack gap="sm">
        <Alert
          color={ready ? "green" : "red"}
          icon={ready ? <IconCircleCheck /> : <IconExclamationCircle />}
          title={ready ? "It takes mail" : "It takes no mail now"}
        >
          {why_not_ready ?? "Every mail that it answers with a 2xx is stored durably."}
        </Alert>
        {!store.healthy && (
          <Alert color="red" title="The store takes no writes">
            A mail cannot be made durable now, so clients are told to come back.
          </Alert>
        )}
        <Check name="live" asks="Does the process live?" />
        <Check name="ready" asks="Does it take mail?" />
      </Stack>
    </Panel>
  );
}

function Check({ name, asks }: { name: "live" | "ready"; asks: string }) {
  const { data } = useHealth(name);
  return (
    <Group justify="space-between" gap="xs">
      <Text size="sm">
        <code>/health/{name}</code>{" "}
        <Text span c="dimmed" inherit>
          {asks}
        </Text>
      </Text>
      {data && (
        <WordBadge
          word={{ label: data.words, meaning: "", color: data.isGood ? "green" : "red" }}
        />
      )}
    </Group>
  );
}
