// A series over time: a picture, the same as a table, and a word when there is nothing to draw.

import { Button, Center, Group, Skeleton, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChartBar, IconTable } from "@tabler/icons-react";
import { lazy, Suspense, useId } from "react";
import classes from "./time-chart.module.css";
import { type Line, linesWithData, type Step, stepWords, summaryOf } from "./time-chart-data";
import { TimeTable } from "./time-table";

const TimeBars = lazy(() => import("./time-bars"));

interface Props {
  /** Colours are `var(--series-…)` of the style sheet beside this. */
  lines: readonly Line[];
  steps: readonly Step[];
  /** What the numbers are, such as "Messages". */
  unit: string;
  empty: string;
  /** The message list's search line for a step, if its numbers can be found there. */
  queryFor?: (step: { start: string; end: string }) => string;
  height?: number;
}

export function TimeChart({ lines, steps, unit, empty, queryFor, height = 220 }: Props) {
  const [isTable, { toggle }] = useDisclosure(false);
  const id = useId();
  const shown = linesWithData(lines, steps);
  if (shown.length === 0) {
    return (
      <Center h={height / 2}>
        <Text c="dimmed" size="sm">
          {empty}
        </Text>
      </Center>
    );
  }
  return (
    <figure className={classes.chart} aria-labelledby={id}>
      <Group justify="space-between" align="flex-start" mb="xs" gap="xs" wrap="nowrap">
        <Legend lines={shown} />
        <Button
          size="compact-xs"
          flex="none"
          variant="default"
          onClick={toggle}
          leftSection={isTable ? <IconChartBar size={14} /> : <IconTable size={14} />}
        >
          {isTable ? "Picture" : "Table"}
        </Button>
      </Group>
      {isTable ? (
        <TimeTable lines={shown} steps={steps} queryFor={queryFor} height={height} unit={unit} />
      ) : (
        <div aria-hidden>
          <Suspense fallback={<Skeleton h={height} />}>
            <TimeBars lines={shown} steps={steps} height={height} />
          </Suspense>
        </div>
      )}
      <Text component="figcaption" size="xs" c="dimmed" mt={4} id={id}>
        {unit} per {stepWords(steps)}. {summaryOf(steps, shown)}
      </Text>
    </figure>
  );
}

function Legend({ lines }: { lines: readonly Line[] }) {
  return (
    <ul className={classes.legend}>
      {lines.map(({ key, label, color }) => (
        <li key={key}>
          <span className={classes.swatch} style={{ background: color }} aria-hidden />
          {label}
        </li>
      ))}
    </ul>
  );
}
