// The first start: nothing to show yet, so the page teaches the first send and does it.

import { Button, Stack, Text } from "@mantine/core";
import { IconMailFast, IconSend } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { apiOrigin } from "../../api/client";
import { useMay, useSession } from "../../api/session";
import { CodeBlock } from "../../parts/copy";
import { Empty } from "../../parts/empty";
import { ButtonLink } from "../../parts/links";
import { notifyProblem } from "../../parts/notify";
import { Panel } from "../../parts/panel";
import { useSystem } from "../../shell/system";
import { curlOf } from "./curl";
import { firstMail, useFirstSend } from "./queries";

export function FirstSend() {
  const { data: system } = useSystem();
  const { identity } = useSession();
  const maySend = useMay("send");
  const features = system?.features ?? [];
  const mail = firstMail(features.includes("default_sender"));
  // With real accounts a person should choose who gets the first mail.
  const isHarmless = features.includes("imitated_providers") || identity?.mode === "test";
  return (
    <Panel>
      <Empty
        icon={IconMailFast}
        title="No mail yet"
        action={
          maySend &&
          (isHarmless ? (
            <SendButton mail={mail} />
          ) : (
            <ButtonLink to="/compose" leftSection={<IconSend size={16} aria-hidden />}>
              Write the first mail
            </ButtonLink>
          ))
        }
      >
        {isHarmless
          ? "Send one to try it. It goes to an imitated provider and to no real mailbox; then you see every step it took."
          : "Once your programs send mail, you see here how it goes and what needs you."}
      </Empty>
      <Stack gap="xs" maw={820} mx="auto" pb="md">
        <Text size="sm" c="dimmed">
          The same from your own program, with your key in <code>MAIL_SENDER_KEY</code>:
        </Text>
        <CodeBlock label="The first mail with curl" code={curlOf(apiOrigin(), mail)} />
      </Stack>
    </Panel>
  );
}

function SendButton({ mail }: { mail: Parameters<typeof curlOf>[1] }) {
  const send = useFirstSend();
  const navigate = useNavigate();
  const run = () =>
    send.mutate(mail, {
      onSuccess: ({ id }) => void navigate({ to: "/messages/$id", params: { id } }),
      onError: (error) => notifyProblem(error, "The mail was not sent"),
    });
  return (
    <Button onClick={run} loading={send.isPending} leftSection={<IconSend size={16} aria-hidden />}>
      Send a first mail
    </Button>
  );
}
