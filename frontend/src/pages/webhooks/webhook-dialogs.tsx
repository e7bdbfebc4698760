// Pausing, replaying a period and rotating the secret each need a word first.

import {
  Alert,
  Button,
  Checkbox,
  Group,
  Modal,
  NativeSelect,
  Radio,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { type ReactNode, type SubmitEvent, useState } from "react";
import type { Webhook } from "../../api/types";
import { count } from "../../parts/format";
import { notifyDone } from "../../parts/notify";
import { ProblemNotice } from "../../parts/problem-notice";
import { PERIODS, since } from "./form";
import { changeWebhook, replayPeriod, rotateSecret, useChange, type WithSecret } from "./queries";

interface Props {
  webhook: Webhook;
  isOpen: boolean;
  onClose: () => void;
}

export function PauseForm({ webhook, isOpen, onClose }: Props) {
  const [reason, setReason] = useState("");
  const pause = useChange(() =>
    changeWebhook(webhook.id, { paused: true, reason: reason.trim(), skip_missed: false }),
  );
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    pause.mutate(undefined, {
      onSuccess: () => {
        setReason("");
        notifyDone("It is paused; events wait for it.");
        onClose();
      },
    });
  };
  return (
    <Modal opened={isOpen} onClose={onClose} title="Pause this webhook?" centered>
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm">It is not called until somebody resumes it. Events wait meanwhile.</Text>
          <TextInput
            label="Why?"
            description="Shown to everybody who looks."
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            maxLength={500}
            data-autofocus
          />
          {pause.error && <ProblemNotice error={pause.error} />}
          <Buttons onClose={onClose}>
            <Button type="submit" loading={pause.isPending}>
              Pause
            </Button>
          </Buttons>
        </Stack>
      </form>
    </Modal>
  );
}

export function ReplayForm({ webhook, isOpen, onClose }: Props) {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Send a period's events again" centered>
      <Replay webhook={webhook} onClose={onClose} />
    </Modal>
  );
}

function Replay({ webhook, onClose }: Omit<Props, "isOpen">) {
  const [hours, setHours] = useState("24");
  const [delivered, setDelivered] = useState(false);
  const replay = (isDryRun: boolean) =>
    replayPeriod(webhook.id, { since: since(hours, new Date()), delivered }, isDryRun);
  const counted = useChange(() => replay(true));
  const done = useChange(() => replay(false));
  // What was counted holds for what was chosen then.
  const forget = () => counted.reset();
  const error = counted.error ?? done.error;
  return (
    <Stack>
      <NativeSelect
        label="What happened in"
        data={PERIODS}
        value={hours}
        onChange={(event) => {
          setHours(event.currentTarget.value);
          forget();
        }}
        data-autofocus
      />
      <Checkbox
        label="Also what it took already"
        description="After it lost what it had. Ids stay the same."
        checked={delivered}
        onChange={(event) => {
          setDelivered(event.currentTarget.checked);
          forget();
        }}
      />
      {counted.data !== undefined && (
        <Alert color="blue" role="status">
          {counted.data === 0
            ? "There is nothing to send."
            : `${count(counted.data)} ${counted.data === 1 ? "event" : "events"} would be sent.`}
        </Alert>
      )}
      {error && <ProblemNotice error={error} />}
      <Buttons onClose={onClose}>
        {counted.data ? (
          <Button
            loading={done.isPending}
            onClick={() =>
              done.mutate(undefined, {
                onSuccess: (sent) => {
                  notifyDone(
                    `${count(sent)} ${sent === 1 ? "event is" : "events are"} sent again.`,
                  );
                  onClose();
                },
              })
            }
          >
            Send them again
          </Button>
        ) : (
          <Button loading={counted.isPending} onClick={() => counted.mutate(undefined)}>
            Count first
          </Button>
        )}
      </Buttons>
    </Stack>
  );
}

const DAY_SECONDS = 86_400;
const BOTH = "For a day, events carry both signatures: change your receiver until then.";
const ONLY_NEW = "The old secret signs nothing any more.";

interface RotateProps extends Props {
  onSecret: (made: WithSecret, remark: string) => void;
}

export function RotateForm({ webhook, isOpen, onClose, onSecret }: RotateProps) {
  const [how, setHow] = useState("both");
  const rotate = useChange((overlap: number) => rotateSecret(webhook.id, overlap));
  const run = () =>
    rotate.mutate(how === "both" ? DAY_SECONDS : 0, {
      onSuccess: (made) => {
        onClose();
        onSecret(made, how === "both" ? BOTH : ONLY_NEW);
      },
    });
  return (
    <Modal opened={isOpen} onClose={onClose} title="Rotate the secret" centered>
      <Stack>
        <Radio.Group label="The old secret" value={how} onChange={setHow}>
          <Stack gap="xs" mt={6}>
            <Radio
              value="both"
              label="Signs too, for a day"
              description="Nothing breaks while you change your receiver."
            />
            <Radio
              value="now"
              label="Ends at once"
              description="For a secret that somebody may have seen. Your receiver refuses events until it knows the new one; they are tried again."
            />
          </Stack>
        </Radio.Group>
        {rotate.error && <ProblemNotice error={rotate.error} />}
        <Buttons onClose={onClose}>
          <Button loading={rotate.isPending} onClick={run}>
            Make the new secret
          </Button>
        </Buttons>
      </Stack>
    </Modal>
  );
}

function Buttons({ onClose, children }: { onClose: () => void; children: ReactNode }) {
  return (
    <Group justify="flex-end">
      <Button variant="default" onClick={onClose}>
        Leave it
      </Button>
      {children}
    </Group>
  );
}
