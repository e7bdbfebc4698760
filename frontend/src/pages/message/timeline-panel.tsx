import { Text, Timeline, Tooltip, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useId } from "react";
import type { Attempt, Message } from "../../api/types";
import { CodeBlock } from "../../parts/copy";
import { exact } from "../../parts/format";
import { GreyLines } from "../../parts/loaded";
import { Panel } from "../../parts/panel";
import { ProblemNotice } from "../../parts/problem-notice";
import classes from "./message.module.css";
import { useHappenings } from "./queries";
import { type Kinds, type Step, storyOf } from "./timeline";

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export function TimelinePanel({ message, kinds }: { message: Message; kinds: Kinds }) {
  const { data, error, refetch } = useHappenings(message.id);
  return (
    <Panel title="What happened">
      {data ? (
        <Story steps={storyOf(message, data, kinds)} />
      ) : error ? (
        <ProblemNotice error={error} onRetry={() => void refetch()} />
      ) : (
        <GreyLines lines={3} />
      )}
    </Panel>
  );
}

function Story({ steps }: { steps: readonly Step[] }) {
  return (
    <Timeline
      bulletSize={14}
      lineWidth={2}
      active={steps.length}
      classNames={{ item: classes.item, itemTitle: classes.step }}
    >
      {steps.map((step, at) => (
        <Timeline.Item
          key={step.key}
          color={step.color}
          title={<Moment step={step} before={steps[at - 1]} />}
        >
          {step.why && (
            <Text size="xs" c="dimmed">
              {step.why}
            </Text>
          )}
          {step.raw && <Raw attempt={step.raw} />}
        </Timeline.Item>
      ))}
    </Timeline>
  );
}

/** The day is said once, at the first step of it. */
function Moment({ step, before }: { step: Step; before: Step | undefined }) {
  const at = new Date(step.at);
  const day = DAY.format(at);
  const isNewDay = !before || DAY.format(new Date(before.at)) !== day;
  return (
    <Text size="sm" component="span" className={classes.breaks}>
      <Tooltip label={exact(at)} withArrow>
        <Text component="time" dateTime={step.at} size="sm" c="dimmed" className={classes.clock}>
          {isNewDay && `${day}, `}
          {CLOCK.format(at)}
        </Text>
      </Tooltip>{" "}
      {step.text}
    </Text>
  );
}

function Raw({ attempt }: { attempt: Attempt }) {
  const [isOpen, { toggle }] = useDisclosure(false);
  const id = useId();
  return (
    <>
      <UnstyledButton
        onClick={toggle}
        aria-expanded={isOpen}
        aria-controls={id}
        className={classes.fold}
      >
        {isOpen ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
        What {attempt.provider} answered
      </UnstyledButton>
      <div id={id}>
        {isOpen && <CodeBlock code={answerOf(attempt)} label="The provider's answer" wrap />}
      </div>
    </>
  );
}

function answerOf(it: Attempt): string {
  const lines = [
    it.code === null ? "no code" : `${it.code}${it.enhanced_code ? ` ${it.enhanced_code}` : ""}`,
    it.detail || "(no words)",
    ...(it.blame ? [`blamed on the ${it.blame}`] : []),
    ...it.recipients.map((one) => {
      const said = [one.outcome, one.code, one.enhanced_code, one.detail].filter(Boolean);
      return `${one.address}: ${said.join(" ")}`;
    }),
  ];
  return lines.join("\n");
}
