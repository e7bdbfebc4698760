import { Group, Text } from "@mantine/core";

export function Brand() {
  return (
    <Group gap={10} wrap="nowrap">
      <img src="/favicon.svg" width={26} height={26} alt="" />
      <Text fw={700} size="md" style={{ whiteSpace: "nowrap" }}>
        Mail Sender
      </Text>
    </Group>
  );
}
