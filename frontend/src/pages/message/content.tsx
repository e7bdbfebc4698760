// What stands in the message: as its reader sees it, its text, headers and files, and the object
// of the API.

import { Alert, Tabs, Text } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useMay } from "../../api/session";
import type { Message, MessageContent } from "../../api/types";
import { CodeBlock } from "../../parts/copy";
import { count } from "../../parts/format";
import { HtmlMailFrame } from "../../parts/html-mail-frame";
import { Loaded } from "../../parts/loaded";
import { Panel } from "../../parts/panel";
import { Attachments } from "./attachments";
import { Headers } from "./headers";
import { useContent } from "./queries";

export function Content({ message }: { message: Message }) {
  const mayRead = useMay("content");
  const content = useContent(message.id);
  const [tab, setTab] = useState<string | null>(null);
  const files = content.data?.attachments.length ?? 0;
  const first = mayRead ? (content.data && content.data.html === null ? "text" : "preview") : "raw";
  const inside = (show: (content: MessageContent) => ReactNode) =>
    mayRead ? <Loaded query={content}>{show}</Loaded> : <NeedsContent />;
  return (
    <Panel title="Content">
      <Tabs value={tab ?? first} onChange={setTab} keepMounted={false}>
        <Tabs.List mb="sm">
          <Tabs.Tab value="preview">Preview</Tabs.Tab>
          <Tabs.Tab value="text">Text</Tabs.Tab>
          <Tabs.Tab value="headers">Headers</Tabs.Tab>
          <Tabs.Tab value="files">Attachments{files > 0 ? ` (${count(files)})` : ""}</Tabs.Tab>
          <Tabs.Tab value="raw">Raw JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="preview">
          {inside(({ html, attachments }) =>
            html === null ? (
              <Nothing>It has no HTML part; its text is in the next tab.</Nothing>
            ) : (
              <HtmlMailFrame html={html} files={attachments} />
            ),
          )}
        </Tabs.Panel>
        <Tabs.Panel value="text">
          {inside(({ text }) =>
            text === null ? (
              <Nothing>It has no text part.</Nothing>
            ) : (
              <CodeBlock code={text} label="Text of the message" wrap />
            ),
          )}
        </Tabs.Panel>
        <Tabs.Panel value="headers">
          {inside((it) => (
            <Headers content={it} />
          ))}
        </Tabs.Panel>
        <Tabs.Panel value="files">
          {inside(({ attachments }) =>
            attachments.length === 0 ? (
              <Nothing>It has no attachments.</Nothing>
            ) : (
              <Attachments files={attachments} />
            ),
          )}
        </Tabs.Panel>
        <Tabs.Panel value="raw">
          <CodeBlock code={JSON.stringify(message, null, 2)} label="Message as the API gives it" />
        </Tabs.Panel>
      </Tabs>
    </Panel>
  );
}

function Nothing({ children }: { children: ReactNode }) {
  return (
    <Text size="sm" c="dimmed" py="md">
      {children}
    </Text>
  );
}

function NeedsContent() {
  return (
    <Alert color="gray" icon={<IconLock />} title="Your key does not open what stands in messages">
      It needs a key with the scope <code>content</code>. What happened to the message is shown all
      the same.
    </Alert>
  );
}
