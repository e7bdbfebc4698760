import { List, SimpleGrid, Text } from "@mantine/core";
import { IconCheck, IconX } from "@tabler/icons-react";
import type { Provider } from "../../api/types";
import { abilitiesOf, settlingOf } from "./words";

export function Abilities({ provider: { capabilities } }: { provider: Provider }) {
  const { can, cannot } = abilitiesOf(capabilities);
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
        <List size="sm" spacing={4} icon={<IconCheck size={16} aria-label="Can take:" />}>
          {can.map((words) => (
            <List.Item key={words}>{words}</List.Item>
          ))}
        </List>
        {cannot.length > 0 && (
          <List
            size="sm"
            spacing={4}
            c="dimmed"
            icon={<IconX size={16} aria-label="Cannot take:" />}
          >
            {cannot.map((words) => (
              <List.Item key={words}>{words}</List.Item>
            ))}
          </List>
        )}
      </SimpleGrid>
      <Text size="sm" mt="sm">
        {settlingOf(capabilities)}
      </Text>
    </>
  );
}
