// Test, pause and resume a provider.

import { Alert, Button, Group, List } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconPlayerPause, IconPlayerPlay, IconStethoscope } from "@tabler/icons-react";
import type { Provider } from "../../api/types";
import { Allowed } from "../../parts/allowed";
import { PauseDialog } from "./pause-dialog";
import { useResume, useTest } from "./queries";
import { checkInWords } from "./words";

export function Actions({ provider, all }: { provider: Provider; all: readonly Provider[] }) {
  const { name, pause, breaker } = provider;
  const [isPausing, pausing] = useDisclosure(false);
  const resume = useResume(name);
  const test = useTest(name);
  const isOut = pause !== null || breaker.state !== "closed";
  return (
    <Allowed scope="manage">
      <Group gap="xs">
        <Button
          size="xs"
          variant="default"
          loading={test.isPending}
          onClick={() => test.mutate()}
          leftSection={<IconStethoscope size={16} aria-hidden />}
          aria-label={`Test ${name}`}
        >
          Test
        </Button>
        {isOut && (
          <Button
            size="xs"
            loading={resume.isPending}
            onClick={() => resume.mutate()}
            leftSection={<IconPlayerPlay size={16} aria-hidden />}
            aria-label={pause ? `Resume ${name}` : `Ask again now: ${name}`}
          >
            {pause ? "Resume" : "Ask again now"}
          </Button>
        )}
        {!pause && (
          <Button
            size="xs"
            variant="default"
            onClick={pausing.open}
            leftSection={<IconPlayerPause size={16} aria-hidden />}
            aria-label={`Pause ${name}`}
          >
            Pause
          </Button>
        )}
      </Group>
      <PauseDialog name={name} all={all} isOpen={isPausing} onClose={pausing.close} />
      {test.data && <TestResult said={checkInWords(test.data)} onClose={test.reset} />}
    </Allowed>
  );
}

interface ResultProps {
  said: ReturnType<typeof checkInWords>;
  onClose: () => void;
}

function TestResult({ said: { color, title, lines }, onClose }: ResultProps) {
  return (
    <Alert
      color={color}
      title={title}
      w="100%"
      role="status"
      withCloseButton
      closeButtonLabel="Close the result"
      onClose={onClose}
    >
      <List size="sm" withPadding={false}>
        {lines.map((line) => (
          <List.Item key={line} style={{ overflowWrap: "anywhere" }}>
            {line}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}
