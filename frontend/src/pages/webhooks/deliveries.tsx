// What was sent to a webhook, or will be; one of them opens with everything that is known of it.

import { Button, Group, SegmentedControl, Stack, Table, Text, UnstyledButton } from "@mantine/core";
import { useState } from "react";
import type { Webhook } from "../../api/types";
import { Loaded } from "../../parts/loaded";
import { WordBadge } from "../../parts/state-badge";
import { When } from "../../parts/when";
import { DeliveryDrawer } from "./delivery-drawer";
import { useDeliveries } from "./queries";
import { type Delivery, DELIVERY_WORDS, type DeliveryState, resultOf } from "./words";

const FILTERS = [
  { value: "", label: "All" },
  { value: "failed", label: "Failed" },
  { value: "pending", label: "Pending" },
  { value: "delivered", label: "Delivered" },
];

export function Deliveries({ webhook }: { webhook: Webhook }) {
  const [state, setState] = useState<DeliveryState | null>(null);
  const [opened, setOpened] = useState<Delivery | null>(null);
  const list = useDeliveries(webhook.id, state);
  return (
    <Stack gap="sm">
      <SegmentedControl
        size="xs"
        data={FILTERS}
        value={state ?? ""}
        onChange={(value) => setState(value === "" ? null : (value as DeliveryState))}
        aria-label="Which deliveries"
        style={{ alignSelf: "flex-start" }}
      />
      <Loaded
        query={list}
        isEmpty={({ pages }) => pages.every(({ data }) => data.length === 0)}
        empty={
          <Text size="sm" c="dimmed">
            {state ? "None is like this." : "Nothing was sent yet: press “Test”, or send a mail."}
          </Text>
        }
      >
        {({ pages }) => (
          <DeliveryTable entries={pages.flatMap(({ data }) => data)} onOpen={setOpened} />
        )}
      </Loaded>
      {list.hasNextPage && (
        <Group>
          <Button
            variant="default"
            size="xs"
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            Show more
          </Button>
        </Group>
      )}
      <DeliveryDrawer delivery={opened} onClose={() => setOpened(null)} />
    </Stack>
  );
}

interface TableProps {
  entries: readonly Delivery[];
  onOpen: (delivery: Delivery) => void;
}

function DeliveryTable({ entries, onOpen }: TableProps) {
  return (
    <Table.ScrollContainer minWidth={560}>
      <Table verticalSpacing={6} aria-label="Deliveries">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Event</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Attempts</Table.Th>
            <Table.Th>Last answer</Table.Th>
            <Table.Th>Since</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {entries.map((delivery) => {
            const last = delivery.attempts.at(-1);
            return (
              <Table.Tr key={delivery.id}>
                <Table.Td>
                  <UnstyledButton
                    onClick={() => onOpen(delivery)}
                    c="var(--mantine-color-anchor)"
                    fz="sm"
                  >
                    {delivery.event_type}
                  </UnstyledButton>
                </Table.Td>
                <Table.Td>
                  <WordBadge word={DELIVERY_WORDS[delivery.state]} />
                </Table.Td>
                <Table.Td>{delivery.attempts.length}</Table.Td>
                <Table.Td style={{ overflowWrap: "anywhere" }}>
                  {last ? resultOf(last) : "–"}
                </Table.Td>
                <Table.Td style={{ whiteSpace: "nowrap" }}>
                  <When at={delivery.created_at} />
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
