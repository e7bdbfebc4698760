// How much of an account's limits is used.

import { Group, Progress, Stack, Text } from "@mantine/core";
import type { Provider } from "../api/types";
import { count } from "./format";

type Quota = Provider["quota"];

export function QuotaBars({ name, quota }: { name: string; quota: Quota }) {
  const windows = [
    { label: "this hour", used: quota.used_hour, limit: quota.per_hour },
    { label: "in 24 hours", used: quota.used_day, limit: quota.per_day },
  ].filter(({ limit }) => limit !== null);
  if (windows.length === 0) return null;
  return (
    <Stack gap={6}>
      {windows.map(({ label, used, limit }) => (
        <Bar key={label} label={label} name={name} used={used ?? 0} limit={limit ?? 0} />
      ))}
    </Stack>
  );
}

interface BarProps {
  name: string;
  label: string;
  used: number;
  limit: number;
}

function Bar({ name, label, used, limit }: BarProps) {
  const share = limit > 0 ? Math.min(used / limit, 1) : 1;
  return (
    <div>
      <Group justify="space-between" gap="xs">
        <Text size="xs" c="dimmed">
          Recipients {label}
        </Text>
        <Text size="xs">
          {count(used)} of {count(limit)}
        </Text>
      </Group>
      <Progress.Root size="sm" mt={2}>
        <Progress.Section
          value={share * 100}
          color={share >= 0.9 ? "orange" : "indigo"}
          aria-label={`Quota of ${name} ${label}`}
        />
      </Progress.Root>
    </div>
  );
}
