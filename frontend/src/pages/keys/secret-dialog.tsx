// The secret of a new key: shown now and never again, so this closes only on purpose.

import { Alert, Button, Checkbox, Group, Modal, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useState } from "react";
import { CodeBlock } from "../../parts/copy";
import type { KeyWithSecret } from "./queries";

interface Props {
  made: KeyWithSecret | null;
  /** What has to be done beside storing it. */
  remark: string;
  onClose: () => void;
}

export function SecretDialog({ made, remark, onClose }: Props) {
  return (
    <Modal
      opened={made !== null}
      onClose={onClose}
      title={`The secret of “${made?.name ?? ""}”`}
      size="lg"
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
    >
      {made && <Secret secret={made.secret} remark={remark} onClose={onClose} />}
    </Modal>
  );
}

function Secret({ secret, remark, onClose }: { secret: string } & Omit<Props, "made">) {
  const [isStored, setStored] = useState(false);
  return (
    <Stack>
      <Alert color="orange" icon={<IconAlertTriangle />} title="It is shown only now" role="note">
        The gateway keeps no more than its hash. Store it where your program reads it, such as a
        secret manager; whoever has it may do what the key may do.
      </Alert>
      <CodeBlock code={secret} label="Secret" wrap />
      {remark && <Text size="sm">{remark}</Text>}
      <Checkbox
        label="I have stored it"
        checked={isStored}
        onChange={(event) => setStored(event.currentTarget.checked)}
      />
      <Group justify="flex-end">
        <Button disabled={!isStored} onClick={onClose}>
          Close
        </Button>
      </Group>
    </Stack>
  );
}
