// The list before the first message: how to send one, and a button that does it.

import { Anchor, Box, Button, Stack, Text } from "@mantine/core";
import { IconMailPlus, IconSend } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { addressOf, answer, api, apiOrigin } from "../../api/client";
import { useMay, useSession } from "../../api/session";
import { CodeBlock } from "../../parts/copy";
import { Empty } from "../../parts/empty";
import { notifyProblem } from "../../parts/notify";
import { useSystem } from "../../shell/system";

export function FirstSend() {
  const maySend = useMay("send");
  const { identity } = useSession();
  const features = useSystem().data?.features ?? [];
  // Only where no real mail can come of it.
  const isHarmless = identity?.mode === "test" || features.includes("imitated_providers");
  const mail = firstMail(identity?.sender_domains[0] ?? "example.com");
  return (
    <Stack gap={0} align="center">
      <Empty
        icon={IconMailPlus}
        title="No mail has come through here yet"
        action={maySend && (isHarmless ? <SendOne mail={mail} /> : <ToCompose />)}
      >
        Every message that is accepted stands here at once, with what became of it.
        {maySend && isHarmless && " Send one: it goes to an imitated provider and reaches nobody."}
      </Empty>
      <Box w="100%" maw={640} px="md" pb="xl">
        <Text size="sm" c="dimmed" mb="xs">
          From a program, with a key that may <code>send</code> in <code>$KEY</code> (
          <Anchor
            size="sm"
            underline="always"
            href={addressOf("/docs")}
            target="_blank"
            rel="noreferrer"
          >
            API reference
          </Anchor>
          ):
        </Text>
        <CodeBlock code={curl(mail)} label="Command that sends a message" wrap />
      </Box>
    </Stack>
  );
}

function SendOne({ mail }: { mail: FirstMail }) {
  const navigate = useNavigate();
  const { mutate, isPending } = useMutation({
    mutationFn: () => answer(api().POST("/v1/messages", { body: mail })),
    onSuccess: ({ id }) => navigate({ to: "/messages/$id", params: { id } }),
    onError: (error) => notifyProblem(error, "The test mail was not sent"),
  });
  return (
    <Button leftSection={<IconSend size={16} />} loading={isPending} onClick={() => mutate()}>
      Send a test mail
    </Button>
  );
}

function ToCompose() {
  return (
    <Button component={Link} to="/compose" leftSection={<IconMailPlus size={16} />}>
      Write a message
    </Button>
  );
}

type FirstMail = ReturnType<typeof firstMail>;

function firstMail(domain: string) {
  return {
    from: `Mail Sender <hello@${domain}>`,
    to: ["ann@example.net"],
    subject: "Hello from Mail Sender",
    text: "It works.",
  };
}

function curl(mail: FirstMail): string {
  return [
    `curl ${apiOrigin()}/v1/messages \\`,
    `  -H "Authorization: Bearer $KEY" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '${JSON.stringify(mail)}'`,
  ].join("\n");
}
