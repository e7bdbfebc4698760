// A new secret for the same rights: at once, or with a time in which both are good.

import { Alert, Button, Group, Modal, Radio, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { signIn } from "../../api/session";
import { ProblemNotice } from "../../parts/problem-notice";
import type { Key } from "./key";
import { type KeyWithSecret, rotateKey } from "./queries";

interface Props {
  /** The key to be replaced; null: the dialog is closed. */
  of: Key | null;
  isOwn: boolean;
  onClose: () => void;
  onMade: (made: KeyWithSecret, remark: string) => void;
}

const KEPT_BOTH = "The old key is still good: change your programs, then revoke it in the list.";
const SIGNED_IN = "You are signed in with the new key now.";

export function RotateKey({ of, isOwn, onClose, onMade }: Props) {
  return (
    <Modal opened={of !== null} onClose={onClose} title={`Rotate the key “${of?.name ?? ""}”`}>
      {of && <Choice of={of} isOwn={isOwn} onClose={onClose} onMade={onMade} />}
    </Modal>
  );
}

function Choice({ of, isOwn, onClose, onMade }: Props & { of: Key }) {
  const [how, setHow] = useState("both");
  const revokesOld = how === "now";
  const rotate = useMutation({
    mutationFn: () => rotateKey(of.id, revokesOld),
    onSuccess: (made) => {
      const { secret, ...identity } = made;
      if (isOwn && revokesOld) signIn(secret, identity);
      onMade(made, revokesOld ? (isOwn ? SIGNED_IN : "") : KEPT_BOTH);
    },
  });
  return (
    <Stack>
      <Text size="sm">
        A new key with the same name, scopes and limits, and a secret of its own.
      </Text>
      <Radio.Group label="The old key" value={how} onChange={setHow}>
        <Stack gap="xs" mt={6}>
          <Radio
            value="both"
            label="Stays good for now"
            description="Nothing breaks while you change your programs; revoke it afterwards."
          />
          <Radio
            value="now"
            label="Is revoked at once"
            description="For a secret that somebody may have seen."
          />
        </Stack>
      </Radio.Group>
      {isOwn && revokesOld && (
        <Alert color="orange" role="note">
          You are signed in with this key. This page goes on with the new one.
        </Alert>
      )}
      {rotate.error && <ProblemNotice error={rotate.error} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button loading={rotate.isPending} onClick={() => rotate.mutate()}>
          Make the new key
        </Button>
      </Group>
    </Stack>
  );
}
