// The top of each page: what it is, and what can be done with the whole of it.

import { Group, Stack, Text, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";

interface Props {
  title: string;
  /** For the browser's tab, where the title is no plain text or says too little. */
  tab?: string;
  description?: ReactNode;
  actions?: ReactNode;
}

export function PageHeader({ title, tab, description, actions }: Props) {
  useEffect(() => {
    document.title = `${tab ?? title} · Mail Sender`;
  }, [tab, title]);
  return (
    <Group justify="space-between" align="flex-start" mb="lg" gap="sm">
      <Stack gap={4} miw={0} style={{ flex: "1 1 16rem" }}>
        <Title order={1} size="h2" style={{ overflowWrap: "anywhere" }}>
          {title}
        </Title>
        {description && (
          <Text c="dimmed" size="sm" maw="70ch">
            {description}
          </Text>
        )}
      </Stack>
      {actions && <Group gap="xs">{actions}</Group>}
    </Group>
  );
}
