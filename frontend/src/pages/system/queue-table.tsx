// What waits, by lane. A lane cannot be searched for, so only the sums are links.

import { SimpleGrid, Stack, Table, Text } from "@mantine/core";
import { Fact } from "../../parts/fact";
import { count, duration } from "../../parts/format";
import { TextLink } from "../../parts/links";
import { Panel } from "../../parts/panel";
import { type Queue, WAITING_QUERY, waitingIn } from "../../parts/queue";
import { lanesOf } from "./words";

export function QueueTable({ queue }: { queue: Queue }) {
  return (
    <Panel title="Queue">
      <Stack gap="md">
        <Table fz="sm">
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">Priority</Table.Th>
              <Table.Th scope="col" ta="right">
                Due now
              </Table.Th>
              <Table.Th scope="col" ta="right">
                Later
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {lanesOf(queue).map(({ name, due, later }) => (
              <Table.Tr key={name}>
                <Table.Th scope="row" fw={400}>
                  {name}
                </Table.Th>
                <Table.Td ta="right">{count(due)}</Table.Td>
                <Table.Td ta="right">{count(later)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        <SimpleGrid component="dl" cols={{ base: 2, xs: 3 }} spacing="sm" m={0}>
          <Linked label="Waiting in all" number={waitingIn(queue)} q={WAITING_QUERY} />
          <Linked label="At a provider now" number={queue.sending} q="status:sending" />
          <Fact label="Claimed by a worker">{count(queue.leased)}</Fact>
          <Linked label="Held" number={queue.held} q="status:held" />
          <Linked label="Unknown outcome" number={queue.unknown} q="status:unknown" />
          <Fact label="Oldest due">
            {queue.oldest_due_at ? `${duration(queue.oldest_due_seconds * 1_000)} ago` : "–"}
          </Fact>
        </SimpleGrid>
        <Text size="xs" c="dimmed">
          High goes before normal, and normal before low.
        </Text>
      </Stack>
    </Panel>
  );
}

function Linked({ label, number, q }: { label: string; number: number; q: string }) {
  return (
    <Fact label={label}>
      {number === 0 ? (
        "0"
      ) : (
        <TextLink to="/messages" search={{ q }} inherit>
          {count(number)}
        </TextLink>
      )}
    </Fact>
  );
}
