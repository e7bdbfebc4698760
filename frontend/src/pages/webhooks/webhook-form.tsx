// The form for a new webhook, and for another address or choice of one that is there.

import { Button, Group, Modal, MultiSelect, Stack, TagsInput, TextInput } from "@mantine/core";
import { type SubmitEvent, useState } from "react";
import { ApiProblem } from "../../api/problem";
import type { Webhook } from "../../api/types";
import { notifyDone } from "../../parts/notify";
import { faultAt } from "../../parts/pointers";
import { ProblemNotice } from "../../parts/problem-notice";
import { FIRST_WISH, requestOf, type Wish, wishOf } from "./form";
import { changeWebhook, createWebhook, useApiKeys, useChange, type WithSecret } from "./queries";
import { EVENT_CHOICES } from "./words";

interface Props {
  /** Null: the dialog is closed. */
  of: Webhook | "new" | null;
  onClose: () => void;
  onMade: (made: WithSecret) => void;
}

export function WebhookForm({ of, onClose, onMade }: Props) {
  return (
    <Modal
      opened={of !== null}
      onClose={onClose}
      title={of === "new" ? "New webhook" : "Edit the webhook"}
      size="lg"
      closeOnClickOutside={false}
    >
      {of && <Form of={of} onClose={onClose} onMade={onMade} />}
    </Modal>
  );
}

function Form({ of, onClose, onMade }: Props & { of: Webhook | "new" }) {
  const isNew = of === "new";
  const [wish, setWish] = useState<Wish>(isNew ? FIRST_WISH : wishOf(of));
  const keys = useApiKeys(true);
  const save = useChange(async (): Promise<WithSecret | null> => {
    if (isNew) return createWebhook(requestOf(wish));
    await changeWebhook(of.id, { ...requestOf(wish), reason: "", skip_missed: false });
    return null;
  });
  const faults = save.error instanceof ApiProblem ? save.error.faults : [];
  const change = (part: Partial<Wish>) => setWish({ ...wish, ...part });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    save.mutate(undefined, {
      onSuccess: (made) => {
        onClose();
        if (made) onMade(made);
        else notifyDone("The webhook is changed.");
      },
    });
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput
          label="Address"
          description="Of your program, from here on: https, and not a private address."
          placeholder="https://shop.example.com/hooks/mail"
          type="url"
          value={wish.url}
          onChange={(event) => change({ url: event.currentTarget.value })}
          error={faultAt(faults, "/url")}
          data-autofocus
          required
        />
        <TextInput
          label="Description"
          description="For people."
          value={wish.description}
          onChange={(event) => change({ description: event.currentTarget.value })}
          error={faultAt(faults, "/description")}
        />
        <MultiSelect
          label="Events"
          description="Empty: every one."
          placeholder={wish.eventTypes.length === 0 ? "every event" : undefined}
          data={EVENT_CHOICES}
          value={wish.eventTypes}
          onChange={(eventTypes) => change({ eventTypes })}
          error={faultAt(faults, "/event_types", wish.eventTypes)}
          searchable
          hidePickedOptions
        />
        <TagsInput
          label="Only of messages with a tag"
          description="Empty: of all."
          value={wish.tags}
          onChange={(tags) => change({ tags })}
          splitChars={[",", ";"]}
          acceptValueOnBlur
          error={faultAt(faults, "/tags", wish.tags)}
        />
        <MultiSelect
          label="Only of messages sent with a key"
          description="Empty: with any."
          data={(keys.data?.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
          value={wish.keyIds}
          onChange={(keyIds) => change({ keyIds })}
          error={faultAt(faults, "/key_ids", wish.keyIds)}
          searchable
        />
        {save.error && faults.length === 0 && <ProblemNotice error={save.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending} disabled={!wish.url.trim()}>
            {isNew ? "Create the webhook" : "Save"}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
