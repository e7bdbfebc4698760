// The form for a new key.

import {
  Button,
  Checkbox,
  Group,
  Modal,
  NativeSelect,
  Radio,
  Stack,
  TagsInput,
  TextInput,
} from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { ApiProblem } from "../../api/problem";
import { useSession } from "../../api/session";
import { type Fault, faultAt } from "../../parts/pointers";
import { ProblemNotice } from "../../parts/problem-notice";
import { firstWish, type Key, LIFETIMES, requestOf, SCOPES, type Wish } from "./key";
import { createKey, type KeyWithSecret } from "./queries";

interface Props {
  isOpen: boolean;
  onClose: () => void;
  onMade: (key: KeyWithSecret) => void;
}

export function CreateKey({ isOpen, onClose, onMade }: Props) {
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title="New API key"
      size="lg"
      closeOnClickOutside={false}
    >
      <Form onClose={onClose} onMade={onMade} />
    </Modal>
  );
}

function Form({ onClose, onMade }: Omit<Props, "isOpen">) {
  const { identity } = useSession();
  const [wish, setWish] = useState(() => firstWish(identity));
  const create = useMutation({ mutationFn: createKey, onSuccess: (made) => onMade(made) });
  const faults = create.error instanceof ApiProblem ? create.error.faults : [];
  const change = (part: Partial<Wish>) => setWish({ ...wish, ...part });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    create.mutate(requestOf(wish, new Date()));
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput
          label="Name"
          description="Who uses it: it stands at every message that comes with it."
          placeholder="shop"
          value={wish.name}
          onChange={(event) => change({ name: event.currentTarget.value })}
          error={faultAt(faults, "/name")}
          data-autofocus
          required
        />
        <Checkbox.Group
          label="Scopes"
          value={wish.scopes}
          onChange={(scopes) => change({ scopes: scopes })}
          error={faultAt(faults, "/scopes")}
          required
        >
          <Stack gap="xs" mt={6}>
            {SCOPES.map(([scope, meaning]) => (
              <Checkbox key={scope} value={scope} label={scope} description={meaning} />
            ))}
          </Stack>
        </Checkbox.Group>
        <ModeChoice wish={wish} change={change} own={identity} />
        <Limits wish={wish} change={change} faults={faults} />
        <NativeSelect
          label="Good for"
          data={LIFETIMES.map(([days, label]) => ({ value: String(days), label }))}
          value={String(wish.days)}
          onChange={(event) => change({ days: Number(event.currentTarget.value) })}
          error={faultAt(faults, "/expires_at")}
        />
        {create.error && faults.length === 0 && <ProblemNotice error={create.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            type="submit"
            loading={create.isPending}
            disabled={!wish.name.trim() || wish.scopes.length === 0}
          >
            Create the key
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface PartProps {
  wish: Wish;
  change: (part: Partial<Wish>) => void;
}

function ModeChoice({ wish, change, own }: PartProps & { own: Key | null }) {
  return (
    <Radio.Group
      label="Mode"
      value={wish.mode}
      onChange={(mode) => change({ mode: mode === "test" ? "test" : "live" })}
    >
      <Stack gap="xs" mt={6}>
        <Radio
          value="live"
          label="Live"
          description={
            own?.mode === "test"
              ? "A test key, such as yours, can only make test keys."
              : "Its mail goes to the providers."
          }
          disabled={own?.mode === "test"}
        />
        <Radio
          value="test"
          label="Test"
          description="Its mail runs the whole way and ends in the sandbox, never at a real provider."
        />
      </Stack>
    </Radio.Group>
  );
}

function Limits({ wish, change, faults }: PartProps & { faults: readonly Fault[] }) {
  return (
    <>
      <TagsInput
        label="May send as"
        description="Sender domains. Empty: any."
        placeholder={wish.senderDomains.length === 0 ? "example.com" : undefined}
        value={wish.senderDomains}
        onChange={(senderDomains) => change({ senderDomains })}
        splitChars={[",", " ", ";"]}
        acceptValueOnBlur
        error={faultAt(faults, "/sender_domains", wish.senderDomains)}
      />
      <TagsInput
        label="May be used from"
        description="Networks. Empty: anywhere."
        placeholder={wish.networks.length === 0 ? "10.0.0.0/8" : undefined}
        value={wish.networks}
        onChange={(networks) => change({ networks })}
        splitChars={[",", " ", ";"]}
        acceptValueOnBlur
        error={faultAt(faults, "/networks", wish.networks)}
      />
    </>
  );
}
