import { Table, Text } from "@mantine/core";
import type { MessageContent } from "../../api/types";
import classes from "./message.module.css";

export function Headers({ content }: { content: MessageContent }) {
  const lines: [string, string][] = [
    ["From", content.from],
    ["To", content.to.join(", ")],
    ["Cc", content.cc.join(", ")],
    ["Bcc", content.bcc.join(", ")],
    ["Reply-To", content.reply_to.join(", ")],
    ["Subject", content.subject],
    ...Object.entries(content.headers),
  ];
  return (
    <>
      <Table layout="fixed" className={classes.headers}>
        <Table.Tbody>
          {lines
            .filter(([, value]) => value)
            .map(([name, value]) => (
              <Table.Tr key={name}>
                <Table.Th scope="row">{name}</Table.Th>
                <Table.Td>{value}</Table.Td>
              </Table.Tr>
            ))}
        </Table.Tbody>
      </Table>
      <Text size="xs" c="dimmed" mt="xs">
        As the sender gave them. Date, Message-ID and the like are added at hand-over; Bcc is never
        written into the mail.
      </Text>
    </>
  );
}
