// Why the last call brought no message. What was typed stays.

import { Alert, Button, List, Text } from "@mantine/core";
import { IconAlertTriangle, IconCloudOff } from "@tabler/icons-react";
import { Unreachable } from "../../api/problem";
import { refusalFor } from "./answers";
import type { Composing } from "./compose";
import { homeless, labelOf } from "./faults";

export function Refused({ problem, faults, giveNewKey }: Composing) {
  if (!problem) return faults.length > 0 ? <ToMend faults={faults} /> : null;
  const { title, detail, needsNewKey } = refusalFor(problem);
  const isAway = problem instanceof Unreachable;
  const others = homeless(faults);
  return (
    <Alert
      color={isAway ? "orange" : "red"}
      icon={isAway ? <IconCloudOff /> : <IconAlertTriangle />}
      title={title}
      role="alert"
    >
      <Text size="sm">{detail}</Text>
      {faults.length > 0 && <Faults faults={faults} />}
      {others.length > 0 && <Text size="sm">This page has no field for some of it.</Text>}
      {needsNewKey && (
        <Button size="xs" variant="default" mt="sm" onClick={giveNewKey}>
          Give this mail a key of its own
        </Button>
      )}
    </Alert>
  );
}

function ToMend({ faults }: Pick<Composing, "faults">) {
  return (
    <Alert color="red" icon={<IconAlertTriangle />} title="Something has to be mended" role="alert">
      <Faults faults={faults} />
    </Alert>
  );
}

function Faults({ faults }: Pick<Composing, "faults">) {
  return (
    <List size="sm" mt={4}>
      {faults.map(({ pointer, detail }) => (
        <List.Item key={pointer + detail}>
          <b>{labelOf(pointer)}</b>: {detail}
        </List.Item>
      ))}
    </List>
  );
}
