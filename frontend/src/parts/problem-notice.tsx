// What went wrong, in words, with what to do about it.

import { Alert, Button, List, Text } from "@mantine/core";
import { IconAlertTriangle, IconCloudOff } from "@tabler/icons-react";
import { ApiProblem, isPassing, Unreachable } from "../api/problem";

interface Props {
  error: unknown;
  onRetry?: () => void;
}

export function ProblemNotice({ error, onRetry }: Props) {
  const said = inWords(error);
  const isAway = error instanceof Unreachable;
  return (
    <Alert
      color={isPassing(error) ? "orange" : "red"}
      icon={isAway ? <IconCloudOff /> : <IconAlertTriangle />}
      title={said.title}
      role="alert"
    >
      <Text size="sm">{said.detail}</Text>
      {said.faults.length > 0 && (
        <List size="sm" mt="xs">
          {said.faults.map((fault) => (
            <List.Item key={fault.pointer + fault.detail}>
              {fault.pointer && <code>{fault.pointer}</code>} {fault.detail}
            </List.Item>
          ))}
        </List>
      )}
      {onRetry && (
        <Button size="xs" variant="default" mt="sm" onClick={onRetry}>
          Try again
        </Button>
      )}
    </Alert>
  );
}

interface Said {
  title: string;
  detail: string;
  faults: readonly { pointer: string; detail: string }[];
}

export function inWords(error: unknown): Said {
  if (error instanceof Unreachable) {
    return {
      title: "The gateway cannot be reached",
      detail: "No answer came. This page goes on asking and comes back by itself.",
      faults: [],
    };
  }
  if (error instanceof ApiProblem) {
    const passing = isPassing(error) ? " This page asks again by itself." : "";
    return { title: error.title, detail: error.message + passing, faults: error.faults };
  }
  const detail = error instanceof Error ? error.message : String(error);
  return { title: "Something went wrong in this page", detail, faults: [] };
}
