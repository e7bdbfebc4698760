import { ActionIcon, Code, Popover, Table, Text } from "@mantine/core";
import { IconHelp } from "@tabler/icons-react";
import { FILTERS } from "./search-line";

export function SearchHelp() {
  return (
    <Popover position="bottom-end" withArrow width={420} trapFocus>
      <Popover.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="How to search">
          <IconHelp size={18} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown maw="calc(100vw - 24px)">
        <Text size="sm" mb="xs">
          All words must fit. Words without a colon are looked for in the subject; values with
          spaces stand in <Code>"…"</Code>.
        </Text>
        <Table verticalSpacing={4} horizontalSpacing={6} fz="xs">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Example</Table.Th>
              <Table.Th>Finds</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {FILTERS.map(({ name, meaning, example }) => (
              <Table.Tr key={name}>
                <Table.Td>
                  <Code fz={11}>{example}</Code>
                </Table.Td>
                <Table.Td>{meaning}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Popover.Dropdown>
    </Popover>
  );
}
