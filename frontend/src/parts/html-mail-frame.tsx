// Shows a stranger's HTML without trusting a word of it; see `html-mail.ts`.

import { Alert, Button, Group, SegmentedControl, Text } from "@mantine/core";
import { IconPhotoOff } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { htmlMail, type InlineFile, SANDBOX } from "./html-mail";
import classes from "./html-mail.module.css";

interface Props {
  html: string;
  files: readonly InlineFile[];
}

export function HtmlMailFrame({ html, files }: Props) {
  const [showsRemote, setShowsRemote] = useState(false);
  const [width, setWidth] = useState("wide");
  const mail = useMemo(() => htmlMail(html, files, { showsRemote }), [html, files, showsRemote]);
  return (
    <>
      <Group justify="space-between" mb="xs" gap="xs">
        <SegmentedControl
          size="xs"
          aria-label="Width of the preview"
          data={[
            { value: "wide", label: "Wide" },
            { value: "phone", label: "Phone" },
          ]}
          value={width}
          onChange={setWidth}
        />
        <Text size="xs" c="dimmed">
          Shown apart from this page: nothing in it runs.
        </Text>
      </Group>
      {mail.wantsRemote && !showsRemote && (
        <Alert color="gray" icon={<IconPhotoOff />} mb="xs" p="xs">
          <Group justify="space-between" gap="xs">
            <Text size="sm">
              Pictures from elsewhere are not loaded: asking for them tells their owner that this
              mail is being read.
            </Text>
            <Button size="compact-sm" variant="default" onClick={() => setShowsRemote(true)}>
              Load pictures
            </Button>
          </Group>
        </Alert>
      )}
      <iframe
        // Another policy is another document: the old one must not live on.
        key={String(showsRemote)}
        title="The mail as its reader sees it"
        className={classes.frame}
        data-width={width}
        sandbox={SANDBOX}
        referrerPolicy="no-referrer"
        srcDoc={mail.document}
      />
    </>
  );
}
