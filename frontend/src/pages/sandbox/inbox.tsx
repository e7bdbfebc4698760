// What the imitated providers took, newest first.

import { Anchor, Badge, Button, Group, SegmentedControl, Stack, Table, Text } from "@mantine/core";
import { IconInbox } from "@tabler/icons-react";
import { useState } from "react";
import { Empty } from "../../parts/empty";
import { count } from "../../parts/format";
import { TextLink } from "../../parts/links";
import { GreyLines, Loaded } from "../../parts/loaded";
import { When } from "../../parts/when";
import { labelOf } from "./faults";
import type { Envelope } from "./mail";
import { MailDrawer } from "./mail-drawer";
import { useInbox } from "./queries";
import classes from "./sandbox.module.css";

const PAGE = 25;

export function Inbox({ providers }: { providers: readonly string[] }) {
  const [provider, setProvider] = useState("");
  const [limit, setLimit] = useState(PAGE);
  const [opened, setOpened] = useState<Envelope | null>(null);
  const inbox = useInbox(provider, limit);
  return (
    <Stack gap="sm">
      <SegmentedControl
        size="xs"
        aria-label="Mail at"
        className={classes.filter}
        data={[
          { value: "", label: "All" },
          ...providers.map((name) => ({ value: name, label: name })),
        ]}
        value={provider}
        onChange={setProvider}
      />
      <Loaded
        query={inbox}
        loading={<GreyLines lines={4} />}
        isEmpty={({ mails }) => mails.length === 0}
        empty={
          <Empty icon={IconInbox} title={provider ? `${provider} took no mail` : "No mail yet"}>
            Send a test mail above: what a provider takes shows here at once.
          </Empty>
        }
      >
        {({ mails, kept }) => (
          <>
            <Mails mails={mails} onOpen={setOpened} />
            {mails.length === limit && (
              <Group gap="sm">
                <Button variant="default" size="xs" onClick={() => setLimit(limit + 4 * PAGE)}>
                  Show more
                </Button>
                <Text size="xs" c="dimmed">
                  {count(kept)} in all
                </Text>
              </Group>
            )}
          </>
        )}
      </Loaded>
      <MailDrawer envelope={opened} onClose={() => setOpened(null)} />
    </Stack>
  );
}

interface MailsProps {
  mails: readonly Envelope[];
  onOpen: (mail: Envelope) => void;
}

function Mails({ mails, onOpen }: MailsProps) {
  return (
    <Table.ScrollContainer minWidth={640}>
      <Table verticalSpacing="xs" highlightOnHover aria-label="Mail in the sandbox">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Subject</Table.Th>
            <Table.Th>From and to</Table.Th>
            <Table.Th>Taken by</Table.Th>
            <Table.Th>Taken</Table.Th>
            <Table.Th>Message</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {mails.map((mail) => (
            <Table.Tr key={mail.id}>
              <Table.Td className={classes.subject}>
                <Anchor component="button" size="sm" ta="left" onClick={() => onOpen(mail)}>
                  {mail.subject || "(no subject)"}
                </Anchor>
              </Table.Td>
              <Table.Td className={classes.envelope}>
                {mail.mail_from || "<>"}
                <br />
                <Text span size="sm" c="dimmed">
                  {recipientsOf(mail)}
                </Text>
              </Table.Td>
              <Table.Td>
                {mail.provider} <Met mail={mail} />
              </Table.Td>
              <Table.Td style={{ whiteSpace: "nowrap" }}>
                <When at={mail.received_at} />
              </Table.Td>
              <Table.Td>
                {mail.ms_id ? (
                  <TextLink to="/messages/$id" params={{ id: mail.ms_id }} size="sm">
                    Open
                  </TextLink>
                ) : (
                  <Text size="sm" c="dimmed">
                    not from here
                  </Text>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** The fault that the mail met, and whether the gateway heard that it was taken. */
export function Met({ mail }: { mail: Envelope }) {
  if (!mail.fault) return null;
  return (
    <Badge
      color={mail.answered ? "yellow" : "orange"}
      variant="light"
      radius="sm"
      tt="none"
      fw={600}
    >
      {labelOf({ fault: mail.fault })}
      {mail.answered ? "" : ": no word of it"}
    </Badge>
  );
}

function recipientsOf({ recipients }: Envelope): string {
  const [first = "", ...others] = recipients;
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}
