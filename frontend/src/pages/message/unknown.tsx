// Nobody knows whether it went out: what is known, what is being done, and what the reader can do.

import { Alert, Button, Group, List, SimpleGrid, Stack, Text } from "@mantine/core";
import { IconHelpCircle } from "@tabler/icons-react";
import type { Attempt, Happening, Message } from "../../api/types";
import { Allowed } from "../../parts/allowed";
import { useConfirm } from "../../parts/confirm";
import { When } from "../../parts/when";
import { type Providers, useAction, useHappenings } from "./queries";
import { providerName } from "./timeline";

interface Props {
  message: Message;
  providers: Providers;
}

export function UnknownOutcome({ message, providers }: Props) {
  const happenings = useHappenings(message.id).data ?? [];
  const asked = message.attempts.findLast(({ outcome }) => outcome === "unknown");
  return (
    <Alert
      color="orange"
      icon={<IconHelpCircle />}
      title="Nobody knows whether this message went out"
      mb="md"
    >
      <Stack gap="sm">
        <List size="sm" spacing={4}>
          {asked && <Known asked={asked} providers={providers} />}
          <List.Item>{whoIsInDoubt(message)}. Nothing is sent to them again by itself.</List.Item>
          <List.Item>
            <Looking
              message={message}
              asked={asked}
              happenings={happenings}
              providers={providers}
            />
          </List.Item>
        </List>
        <Choices message={message} />
      </Stack>
    </Alert>
  );
}

function whoIsInDoubt({ recipients }: Message): string {
  const inDoubt = recipients.filter(({ status }) => status === "unknown").length;
  if (recipients.length === 1) return `It has one recipient, ${recipients[0]?.address ?? ""}`;
  if (inDoubt === recipients.length) return `All ${inDoubt} recipients are in doubt`;
  return `${inDoubt} of ${recipients.length} recipients are in doubt`;
}

function Known({ asked, providers }: { asked: Attempt; providers: Providers }) {
  return (
    <List.Item>
      {providerName(asked.provider, providers)} was asked <When at={asked.started_at} />
      {asked.detail ? `: ${asked.detail}.` : ", and no answer was recorded."} It may have taken the
      message before that.
    </List.Item>
  );
}

function Looking({
  message,
  asked,
  happenings,
  providers,
}: Props & { asked: Attempt | undefined; happenings: readonly Happening[] }) {
  const looks = happenings.filter(({ type }) => type === "message.settling");
  const last = looks.at(-1);
  const name = asked ? providerName(asked.provider, providers) : "The provider";
  const ways = asked ? providers.get(asked.provider)?.capabilities.settles_by : undefined;
  const found = typeof last?.data.finding === "string" ? last.data.finding : null;
  return (
    <>
      {message.next_attempt_at ? (
        <>
          The gateway asks {name} what became of it, next <When at={message.next_attempt_at} />.
        </>
      ) : ways?.includes("event") ? (
        `${name} ${ways.includes("look_up") ? "is not asked about it any more" : "cannot be asked about a message"}. An event from it, where it is set up to send them, still settles it.`
      ) : (
        `${name} cannot be asked about a message, so only you can settle it.`
      )}
      {last && (
        <>
          {" "}
          Asked {looks.length === 1 ? "once" : `${looks.length} times`}, last <When at={last.at} />
          {found ? `: ${found}.` : "."}
        </>
      )}
    </>
  );
}

function Choices({ message }: { message: Message }) {
  const { mutateAsync } = useAction(message.id);
  const { ask, dialog } = useConfirm();
  const sendAgain = () =>
    ask({
      title: "Send it again, at the risk of a duplicate?",
      body: "If the provider did take it, its recipients get the same mail twice. If it did not, this is how they get it at all.",
      confirm: "Send it again",
      isDangerous: true,
      action: () => mutateAsync({ name: "retry", risksDuplicate: true }).catch(() => undefined),
    });
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
      {dialog}
      <div>
        <Text size="sm" fw={600}>
          Wait
        </Text>
        <Text size="sm">
          Right for mail that must not come twice. The risk: without evidence it stays as it is, and
          may never have arrived.
        </Text>
      </div>
      <div>
        <Text size="sm" fw={600}>
          Send it again
        </Text>
        <Text size="sm">
          Right for mail that must come, such as a password. The risk: it may arrive twice.
        </Text>
        <Allowed scope="manage">
          <Group mt="xs">
            <Button size="xs" variant="default" onClick={sendAgain}>
              Send again anyway…
            </Button>
          </Group>
        </Allowed>
      </div>
    </SimpleGrid>
  );
}
