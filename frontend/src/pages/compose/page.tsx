// Compose: write a mail, see where it would go, send it, and see what became of it.

import { Alert, Button, Group, Kbd, Stack, Text } from "@mantine/core";
import { IconFlask, IconSend } from "@tabler/icons-react";
import { type SubmitEvent, type KeyboardEvent, useRef } from "react";
import { useMay, useSession } from "../../api/session";
import { PageAllowed } from "../../parts/allowed";
import { useConfirm } from "../../parts/confirm";
import { TextLink } from "../../parts/links";
import { PageHeader } from "../../parts/page-header";
import { Panel } from "../../parts/panel";
import { useHasSandbox } from "../../shell/system";
import { Addresses } from "./addresses";
import { Aside } from "./aside";
import { Attachments } from "./attachments";
import { Body } from "./body";
import { type Composing, useComposing } from "./compose";
import classes from "./compose.module.css";
import { isUntouched } from "./draft";
import { More } from "./more";
import { Refused } from "./refused";
import { Result } from "./result";

export function ComposePage() {
  return (
    <PageAllowed scope="send">
      <Compose />
    </PageAllowed>
  );
}

function Compose() {
  const composing = useComposing();
  if (composing.sent) {
    return <Result sent={composing.sent} onWriteAgain={composing.writeAgain} />;
  }
  return (
    <>
      <PageHeader title="Compose" actions={<StartOver {...composing} />} />
      <Stack>
        <WhereMailEnds />
        <div className={classes.columns}>
          <MailForm {...composing} />
          <Aside draft={composing.draft} />
        </div>
      </Stack>
    </>
  );
}

function MailForm(composing: Composing) {
  const form = useRef<HTMLFormElement>(null);
  const submit = async () => {
    await composing.submit();
    // After the drawing that shows what is wrong.
    setTimeout(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    void submit();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void submit();
  };
  return (
    <form ref={form} onSubmit={onSubmit} onKeyDown={onKeyDown} noValidate aria-label="Mail">
      <Stack>
        <Panel>
          <Stack>
            <Addresses {...composing} />
            <Body {...composing} />
            <Attachments {...composing} />
          </Stack>
        </Panel>
        <More {...composing} />
        <Refused {...composing} />
        <Group>
          <Button
            type="submit"
            size="md"
            loading={composing.isSending}
            leftSection={<IconSend size={18} aria-hidden />}
          >
            {verbFor(composing.draft)}
          </Button>
          <Text size="sm" c="dimmed" visibleFrom="xs">
            or <Kbd size="xs">Ctrl</Kbd> + <Kbd size="xs">Enter</Kbd>
          </Text>
        </Group>
      </Stack>
    </form>
  );
}

function verbFor({ sendAt, mode }: Composing["draft"]): string {
  if (mode === "sync") return "Send and wait for the result";
  return sendAt ? "Schedule" : "Send";
}

function StartOver({ draft, writeAgain }: Composing) {
  const { ask, dialog } = useConfirm();
  if (isUntouched(draft)) return null;
  const start = () =>
    ask({
      title: "Throw this mail away?",
      body: "What you wrote is not kept anywhere else.",
      confirm: "Throw it away",
      isDangerous: true,
      action: () => writeAgain("empty"),
    });
  return (
    <>
      <Button variant="default" onClick={start}>
        Start over
      </Button>
      {dialog}
    </>
  );
}

/** Real mail is the usual case and needs no word; mail that reaches nobody does. */
function WhereMailEnds() {
  const isTest = useSession().identity?.mode === "test";
  const hasSandbox = useHasSandbox();
  const mayLook = useMay("content");
  if (!isTest && !hasSandbox) return null;
  return (
    <Alert color="gray" icon={<IconFlask />} p="sm" role="note">
      {isTest
        ? "You are signed in with a test key: mail runs the whole way and ends in the sandbox."
        : "The providers here are imitated, so no mail leaves this machine."}{" "}
      {hasSandbox && mayLook && (
        <>
          What they take lies in the{" "}
          <TextLink to="/sandbox" inherit underline="always">
            sandbox inbox
          </TextLink>
          , where you can also break a provider and see what happens then.
        </>
      )}
    </Alert>
  );
}
