// A secret that is shown now and never again, so this closes only on purpose.

import { Alert, Button, Checkbox, Group, Modal, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useState } from "react";
import { CodeBlock } from "./copy";

interface Props {
  /** Null: the dialog is closed. */
  secret: string | null;
  /** Whose secret it is. */
  name: string;
  /** What the gateway keeps, and where it should be stored. */
  about: string;
  /** What has to be done beside storing it. */
  remark: string;
  onClose: () => void;
}

export function SecretDialog({ secret, name, about, remark, onClose }: Props) {
  return (
    <Modal
      opened={secret !== null}
      onClose={onClose}
      title={`The secret of “${name}”`}
      size="lg"
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
    >
      {secret !== null && (
        <Secret secret={secret} about={about} remark={remark} onClose={onClose} />
      )}
    </Modal>
  );
}

type SecretProps = { secret: string } & Pick<Props, "about" | "remark" | "onClose">;

function Secret({ secret, about, remark, onClose }: SecretProps) {
  const [isStored, setStored] = useState(false);
  return (
    <Stack>
      <Alert color="orange" icon={<IconAlertTriangle />} title="It is shown only now" role="note">
        {about}
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
