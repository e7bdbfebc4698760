// Why the last call brought no message. What was typed stays.

import { Alert, Button, List, Text } from "@mantine/core";
import { IconAlertTriangle, IconCloudOff } from "@tabler/icons-react";
import { Unreachable } from "../../api/problem";
import { type Fault } from "../../parts/pointers";
import { refusalFor } from "./answers";
import type { Composing } from "./compose";
import type { Draft } from "./draft";
import { described } from "./faults";

export function Refused({ draft, problem, faults, giveNewKey }: Composing) {
  if (!problem && faults.length === 0) return null;
  const { title, detail, needsNewKey } = problem
    ? refusalFor(problem)
    : { title: "Something has to be mended first", detail: "", needsNewKey: false };
  const isAway = problem instanceof Unreachable;
  return (
    <Alert
      color={isAway ? "orange" : "red"}
      icon={isAway ? <IconCloudOff /> : <IconAlertTriangle />}
      title={title}
      role="alert"
    >
      {detail && <Text size="sm">{detail}</Text>}
      {faults.length > 0 && <Faults faults={faults} draft={draft} />}
      {needsNewKey && (
        <Button size="xs" variant="default" mt="sm" onClick={giveNewKey}>
          Give this mail a key of its own
        </Button>
      )}
    </Alert>
  );
}

/** Each fault in a line, as the page calls the fields. */
export function Faults({ faults, draft }: { faults: readonly Fault[]; draft: Draft }) {
  return (
    <List size="sm" mt={4} spacing={2}>
      {described(faults, draft).map(({ label, detail }) => (
        <List.Item key={label + detail}>
          <b>{label}</b>: {detail}
        </List.Item>
      ))}
    </List>
  );
}
