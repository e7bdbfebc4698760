// What the mail says: plain text, HTML, or both, with a look at what the HTML becomes.

import { Stack, Tabs, Text, Textarea } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconCode, IconLetterCase } from "@tabler/icons-react";
import { useState } from "react";
import { HtmlMailFrame } from "../../parts/html-mail-frame";
import { faultAt } from "../../parts/pointers";
import type { Composing } from "./compose";
import classes from "./compose.module.css";

const PREVIEW_MS = 300;

export function Body({ draft, faults, change }: Composing) {
  const [tab, setTab] = useState<string | null>(draft.html && !draft.text ? "html" : "text");
  const fault = { text: faultAt(faults, "/text"), html: faultAt(faults, "/html") };
  const shown = fault.html && !fault.text ? "html" : tab;
  return (
    <Tabs value={shown} onChange={setTab} keepMounted={false}>
      <Tabs.List aria-label="Body">
        <Tabs.Tab value="text" leftSection={<IconLetterCase size={16} aria-hidden />}>
          Plain text{draft.text && shown !== "text" ? " •" : ""}
        </Tabs.Tab>
        <Tabs.Tab value="html" leftSection={<IconCode size={16} aria-hidden />}>
          HTML{draft.html && shown !== "html" ? " •" : ""}
        </Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="text" pt="sm">
        <Textarea
          aria-label="Text"
          placeholder="What the mail says"
          autosize
          minRows={9}
          maxRows={24}
          value={draft.text}
          onChange={(event) => change({ text: event.currentTarget.value })}
          error={fault.text}
        />
      </Tabs.Panel>
      <Tabs.Panel value="html" pt="sm">
        <Stack gap="sm">
          <Textarea
            aria-label="HTML"
            placeholder="<p>Thank you for your order.</p>"
            autosize
            minRows={9}
            maxRows={24}
            spellCheck={false}
            classNames={{ input: classes.mono }}
            value={draft.html}
            onChange={(event) => change({ html: event.currentTarget.value })}
            error={fault.html}
          />
          <Preview draft={draft} />
        </Stack>
      </Tabs.Panel>
    </Tabs>
  );
}

function Preview({ draft }: Pick<Composing, "draft">) {
  const [html] = useDebouncedValue(draft.html, PREVIEW_MS);
  const inline = draft.files.flatMap(({ contentId, contentType, content }) =>
    contentId ? [{ content_id: contentId, content_type: contentType, content }] : [],
  );
  return (
    <div>
      <Text size="sm" fw={500} mb={4}>
        Preview
      </Text>
      {html.trim() ? (
        <HtmlMailFrame html={html} files={inline} />
      ) : (
        <Text size="sm" c="dimmed">
          What you write shows here as a mail program would draw it. Without a plain text beside it,
          readers who see text only get nothing to read.
        </Text>
      )}
    </div>
  );
}
