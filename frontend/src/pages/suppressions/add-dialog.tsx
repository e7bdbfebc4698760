// One address or many, typed or pasted, that shall get no more mail.

import {
  Alert,
  Button,
  Group,
  Modal,
  NativeSelect,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { notifyDone } from "../../parts/notify";
import { ProblemNotice } from "../../parts/problem-notice";
import { addSuppressions } from "./queries";
import type { Reason } from "./search";
import { readPasted, REASONS, type Tally, tallyInWords } from "./suppression";

interface Props {
  isOpen: boolean;
  onClose: () => void;
  onChanged: () => void;
}

const LIFETIMES = [
  { value: "0", label: "For good" },
  { value: "7", label: "For 7 days" },
  { value: "30", label: "For 30 days" },
  { value: "90", label: "For 90 days" },
  { value: "365", label: "For a year" },
];

export function AddDialog({ isOpen, onClose, onChanged }: Props) {
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title="Keep mail away from addresses"
      size="lg"
      closeOnClickOutside={false}
    >
      <Form onClose={onClose} onChanged={onChanged} />
    </Modal>
  );
}

function Form({ onClose, onChanged }: Omit<Props, "isOpen">) {
  const [text, setText] = useState("");
  const [reason, setReason] = useState<Reason>("manual");
  const [days, setDays] = useState("0");
  const [note, setNote] = useState("");
  const { addresses, faults } = readPasted(text);
  const finish = (tally: Tally) => {
    onChanged();
    notifyDone(tallyInWords(tally));
    // What was refused stays here to be mended.
    if (tally.refused.length === 0) onClose();
    else setText(tally.refused.map(({ address }) => address).join("\n"));
  };
  const add = useMutation({
    mutationFn: () => {
      const expires_at = days === "0" ? null : endOf(Number(days));
      return addSuppressions(addresses.map((address) => ({ address, reason, note, expires_at })));
    },
    onSuccess: (tally) => finish(tally),
    // A part of a long list may stand all the same.
    onError: onChanged,
  });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Textarea
          label="Addresses"
          description="One or many: by lines, commas or spaces. No provider is asked for them any more."
          placeholder={"ann@example.net\nbo@example.net"}
          autosize
          minRows={4}
          maxRows={14}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={faults.length > 0 && text.includes("\n") ? firstOf(faults) : null}
          spellCheck={false}
          data-autofocus
          required
        />
        <Group grow align="flex-start">
          <NativeSelect
            label="Reason"
            data={REASONS}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value as Reason)}
          />
          <NativeSelect
            label="How long"
            data={LIFETIMES}
            value={days}
            onChange={(event) => setDays(event.currentTarget.value)}
          />
        </Group>
        <TextInput
          label="Note"
          description="For people who wonder later."
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
          maxLength={500}
        />
        {add.data && add.data.refused.length > 0 && <Refused tally={add.data} />}
        {add.error && <ProblemNotice error={add.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending} disabled={addresses.length === 0}>
            {addresses.length > 1 ? `Add ${addresses.length} addresses` : "Add"}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Refused({ tally }: { tally: Tally }) {
  return (
    <Alert color="red" title={`${tally.refused.length} could not be added`} role="alert">
      {tally.refused.slice(0, 10).map(({ address, detail }) => (
        <Text key={address} size="sm">
          <b>{address}</b>: {detail}
        </Text>
      ))}
      {tally.refused.length > 10 && <Text size="sm">…</Text>}
    </Alert>
  );
}

function firstOf(faults: readonly string[]): string {
  const [first = "", ...others] = faults;
  return others.length === 0 ? first : `${first} (and ${others.length} more)`;
}

function endOf(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString();
}
