// What needs a person, on top of everything else.

import { Group, Paper, Stack, Text, ThemeIcon } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconExclamationCircle,
  IconInfoCircle,
} from "@tabler/icons-react";
import { ButtonLink } from "../../parts/links";
import { When } from "../../parts/when";
import type { Need } from "./attention";

const LOOKS = {
  bad: { color: "red", icon: IconExclamationCircle },
  warning: { color: "orange", icon: IconAlertTriangle },
  note: { color: "gray", icon: IconInfoCircle },
} as const satisfies Record<Need["tone"], unknown>;

export function AttentionList({ needs }: { needs: readonly Need[] }) {
  if (needs.length === 0) {
    return (
      <Group gap="xs" role="status" wrap="nowrap" align="flex-start">
        <ThemeIcon variant="light" color="green" radius="xl" size="sm">
          <IconCircleCheck size={14} aria-hidden />
        </ThemeIcon>
        <Text size="sm">Nothing needs you: every provider is asked and no mail is in doubt.</Text>
      </Group>
    );
  }
  return (
    <Stack
      gap="xs"
      component="ul"
      m={0}
      p={0}
      aria-label="What needs you"
      style={{ listStyle: "none" }}
    >
      {needs.map((need) => (
        <NeedLine key={need.id} need={need} />
      ))}
    </Stack>
  );
}

function NeedLine({ need }: { need: Need }) {
  const { color, icon: Picture } = LOOKS[need.tone];
  return (
    <Paper
      component="li"
      withBorder
      p="sm"
      style={{ borderLeft: `4px solid var(--mantine-color-${color}-filled)` }}
    >
      <Group gap="sm" justify="space-between">
        <Group gap="sm" wrap="nowrap" align="flex-start" flex="1 1 16rem" miw={0}>
          <ThemeIcon variant="light" color={color} size="md">
            <Picture size={18} aria-hidden />
          </ThemeIcon>
          <div style={{ minWidth: 0 }}>
            <Text fw={600}>{need.title}</Text>
            <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {need.detail}
              {need.when && (
                <>
                  {" · "}
                  {need.when.words} <When at={need.when.at} />
                </>
              )}
            </Text>
          </div>
        </Group>
        <Action need={need} />
      </Group>
    </Paper>
  );
}

function Action({ need: { place, action, title } }: { need: Need }) {
  const looks = { size: "xs", variant: "default", "aria-label": `${action}: ${title}` } as const;
  switch (place.to) {
    case "/messages":
      return (
        <ButtonLink {...looks} to="/messages" search={{ q: place.q }}>
          {action}
        </ButtonLink>
      );
    case "/providers":
      return (
        <ButtonLink {...looks} to="/providers" hash={place.name}>
          {action}
        </ButtonLink>
      );
    case "/webhooks":
      return (
        <ButtonLink {...looks} to="/webhooks">
          {action}
        </ButtonLink>
      );
    case "/system":
      return (
        <ButtonLink {...looks} to="/system">
          {action}
        </ButtonLink>
      );
  }
}
