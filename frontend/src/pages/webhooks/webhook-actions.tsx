// What can be done with a webhook: try it, look at its deliveries, and what a menu holds.

import { ActionIcon, Button, Group, Menu } from "@mantine/core";
import {
  IconDots,
  IconEdit,
  IconHistory,
  IconList,
  IconPlayerPause,
  IconPlayerPlay,
  IconRefresh,
  IconSend,
  IconTrash,
} from "@tabler/icons-react";
import { useState } from "react";
import type { Webhook } from "../../api/types";
import { Allowed } from "../../parts/allowed";
import { useConfirm } from "../../parts/confirm";
import { notifyDone, notifyProblem } from "../../parts/notify";
import { changeWebhook, deleteWebhook, testWebhook, useChange, type WithSecret } from "./queries";
import { PauseForm, ReplayForm, RotateForm } from "./webhook-dialogs";
import { resultOf } from "./words";

interface Props {
  webhook: Webhook;
  isOpen: boolean;
  onToggle: () => void;
  onTested: () => void;
  onEdit: () => void;
  onSecret: (made: WithSecret, remark: string) => void;
}

export function WebhookActions({ webhook, isOpen, onToggle, onTested, ...rest }: Props) {
  const test = useChange(() => testWebhook(webhook.id));
  const run = () =>
    test.mutate(undefined, {
      onSuccess: ({ state, attempts }) => {
        const last = attempts.at(-1);
        const said = last ? resultOf(last) : "it was not called";
        if (state === "delivered") notifyDone(`It took the test: ${said}.`);
        else notifyProblem(new Error(`It answered: ${said}.`), "It did not take the test");
        onTested();
      },
      onError: (error) => notifyProblem(error, "It was not tested"),
    });
  return (
    <Group gap="xs">
      <Button
        size="xs"
        variant="default"
        leftSection={<IconList size={16} aria-hidden />}
        onClick={onToggle}
        aria-expanded={isOpen}
        aria-label={`Deliveries to ${webhook.url}`}
      >
        Deliveries
      </Button>
      <Allowed scope="manage">
        <Button
          size="xs"
          variant="default"
          loading={test.isPending}
          leftSection={<IconSend size={16} aria-hidden />}
          onClick={run}
          aria-label={`Test ${webhook.url}`}
        >
          Test
        </Button>
        <More webhook={webhook} {...rest} />
      </Allowed>
    </Group>
  );
}

function More({ webhook, onEdit, onSecret }: Pick<Props, "webhook" | "onEdit" | "onSecret">) {
  const { id, url } = webhook;
  const [asked, setAsked] = useState<"pause" | "replay" | "rotate" | null>(null);
  const { ask, dialog } = useConfirm();
  const remove = useChange(() => deleteWebhook(id));
  const resume = useChange((skip_missed: boolean) =>
    changeWebhook(id, { paused: false, reason: "", skip_missed }),
  );
  const goOn = (skip: boolean) =>
    resume.mutate(skip, {
      onSuccess: () => notifyDone("It is called again."),
      onError: (error) => notifyProblem(error, "It was not resumed"),
    });
  const close = () => setAsked(null);
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size={30} aria-label={`Actions for ${url}`}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconEdit size={16} aria-hidden />} onClick={onEdit}>
            Edit…
          </Menu.Item>
          {webhook.pause ? (
            <>
              <Menu.Item
                leftSection={<IconPlayerPlay size={16} aria-hidden />}
                onClick={() => goOn(false)}
              >
                Resume, with what it missed
              </Menu.Item>
              <Menu.Item
                leftSection={<IconPlayerPlay size={16} aria-hidden />}
                onClick={() => goOn(true)}
              >
                Resume, without what it missed
              </Menu.Item>
            </>
          ) : (
            <Menu.Item
              leftSection={<IconPlayerPause size={16} aria-hidden />}
              onClick={() => setAsked("pause")}
            >
              Pause…
            </Menu.Item>
          )}
          <Menu.Item
            leftSection={<IconHistory size={16} aria-hidden />}
            onClick={() => setAsked("replay")}
          >
            Replay a period…
          </Menu.Item>
          <Menu.Item
            leftSection={<IconRefresh size={16} aria-hidden />}
            onClick={() => setAsked("rotate")}
          >
            Rotate the secret…
          </Menu.Item>
          <Menu.Item
            color="red"
            leftSection={<IconTrash size={16} aria-hidden />}
            onClick={() =>
              ask({
                title: "Delete this webhook?",
                body: `${url} is called no more, and its deliveries are forgotten. This cannot be undone; a pause can.`,
                confirm: "Delete it",
                isDangerous: true,
                action: async () => {
                  try {
                    await remove.mutateAsync(undefined);
                    notifyDone("The webhook is deleted.");
                  } catch (error) {
                    notifyProblem(error, "It was not deleted");
                  }
                },
              })
            }
          >
            Delete…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <PauseForm webhook={webhook} isOpen={asked === "pause"} onClose={close} />
      <ReplayForm webhook={webhook} isOpen={asked === "replay"} onClose={close} />
      <RotateForm
        webhook={webhook}
        isOpen={asked === "rotate"}
        onClose={close}
        onSecret={onSecret}
      />
      {dialog}
    </>
  );
}
