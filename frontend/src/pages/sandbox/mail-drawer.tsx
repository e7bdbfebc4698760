// One mail of the sandbox, as its reader sees it and as it came.

import { Button, DataList, Drawer, Group, Stack, Tabs, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { CodeBlock } from "../../parts/copy";
import { bytes } from "../../parts/format";
import { HtmlMailFrame } from "../../parts/html-mail-frame";
import { TextLink } from "../../parts/links";
import { Loaded } from "../../parts/loaded";
import { saveFile } from "../../parts/save-file";
import { When } from "../../parts/when";
import { Met } from "./inbox";
import { blobOf, type Contents, contentsOf, type Envelope, mailboxInWords } from "./mail";
import { useMail } from "./queries";

interface Props {
  envelope: Envelope | null;
  onClose: () => void;
}

export function MailDrawer({ envelope, onClose }: Props) {
  return (
    <Drawer
      opened={envelope !== null}
      onClose={onClose}
      position="right"
      size="xl"
      title={envelope?.subject || "(no subject)"}
      closeButtonProps={{ "aria-label": "Close the mail" }}
    >
      {envelope && <Mail envelope={envelope} />}
    </Drawer>
  );
}

function Mail({ envelope }: { envelope: Envelope }) {
  const mail = useMail(envelope.id);
  return (
    <Stack>
      <EnvelopeFacts envelope={envelope} />
      <Loaded query={mail}>{({ contents }) => <Body contents={contentsOf(contents)} />}</Loaded>
    </Stack>
  );
}

function EnvelopeFacts({ envelope }: { envelope: Envelope }) {
  const facts = [
    [
      "Taken by",
      <span key="by">
        {envelope.provider} <Met mail={envelope} />
      </span>,
    ],
    ["Taken", <When key="at" at={envelope.received_at} />],
    ["Envelope from", envelope.mail_from || "<>"],
    ["Envelope to", envelope.recipients.join(", ")],
    ["Provider's id", <code key="id">{envelope.provider_message_id}</code>],
    ["Size", bytes(envelope.size)],
  ] as const;
  return (
    <>
      <DataList aria-label="Envelope">
        {facts.map(([name, value]) => (
          <DataList.Item key={name}>
            <DataList.ItemLabel>{name}</DataList.ItemLabel>
            <DataList.ItemValue style={{ overflowWrap: "anywhere" }}>{value}</DataList.ItemValue>
          </DataList.Item>
        ))}
      </DataList>
      {envelope.ms_id && (
        <Text size="sm">
          <TextLink to="/messages/$id" params={{ id: envelope.ms_id }}>
            To the message and its attempts
          </TextLink>
        </Text>
      )}
    </>
  );
}

function Body({ contents }: { contents: Contents }) {
  const { html, text, headers, attachments } = contents;
  return (
    <Tabs defaultValue={html ? "html" : "text"} keepMounted={false}>
      <Tabs.List aria-label="Parts of the mail">
        {html && <Tabs.Tab value="html">HTML</Tabs.Tab>}
        <Tabs.Tab value="text">Text</Tabs.Tab>
        <Tabs.Tab value="headers">Headers</Tabs.Tab>
        {attachments.length > 0 && <Tabs.Tab value="files">Files ({attachments.length})</Tabs.Tab>}
      </Tabs.List>
      {html && (
        <Tabs.Panel value="html" pt="sm">
          <HtmlMailFrame html={html} files={attachments} />
        </Tabs.Panel>
      )}
      <Tabs.Panel value="text" pt="sm">
        {text ? (
          <CodeBlock code={text} label="Text of the mail" wrap />
        ) : (
          <Text size="sm" c="dimmed">
            This mail has no plain text.
          </Text>
        )}
      </Tabs.Panel>
      <Tabs.Panel value="headers" pt="sm">
        <CodeBlock code={headersInWords(contents, headers)} label="Headers of the mail" wrap />
      </Tabs.Panel>
      <Tabs.Panel value="files" pt="sm">
        <Files files={attachments} />
      </Tabs.Panel>
    </Tabs>
  );
}

function Files({ files }: { files: Contents["attachments"] }) {
  return (
    <Stack gap="xs">
      {files.map((file, at) => (
        <Group key={`${at} ${file.filename}`} justify="space-between" wrap="nowrap">
          <div style={{ minWidth: 0 }}>
            <Text size="sm" truncate>
              {file.filename || "(no name)"}
            </Text>
            <Text size="xs" c="dimmed" truncate>
              {bytes(file.size)} · {file.content_type} · {file.disposition}
              {file.content_id ? ` · cid:${file.content_id}` : ""}
            </Text>
          </div>
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconDownload size={14} aria-hidden />}
            onClick={() => saveFile(blobOf(file), file.filename || "file")}
          >
            Save
          </Button>
        </Group>
      ))}
    </Stack>
  );
}

/** Providers with an API take some fields apart from the headers; both are shown as lines. */
function headersInWords(contents: Contents, headers: Contents["headers"]): string {
  const named = new Set(headers.map(({ name }) => name.toLowerCase()));
  const fields = [
    ["From", contents.from],
    ["To", contents.to],
    ["Cc", contents.cc],
    ["Bcc", contents.bcc],
    ["Reply-To", contents.reply_to],
  ] as const;
  return [
    ...fields
      .filter(([name, boxes]) => boxes.length > 0 && !named.has(name.toLowerCase()))
      .map(([name, boxes]) => `${name}: ${boxes.map(mailboxInWords).join(", ")}`),
    ...headers.map(({ name, value }) => `${name}: ${value}`),
    ...contents.tags.map((tag) => `Tag: ${tag}`),
    ...Object.entries(contents.metadata).map(([name, value]) => `Metadata ${name}: ${value}`),
  ].join("\n");
}
