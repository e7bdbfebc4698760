import { ScrollArea, Table } from "@mantine/core";
import { count, dateAndTime } from "./format";
import { TextLink } from "./links";
import { type Line, type Step, stepsWithData } from "./time-chart-data";

interface Props {
  lines: readonly Line[];
  steps: readonly Step[];
  unit: string;
  height: number;
  queryFor: ((step: { start: string; end: string }) => string) | undefined;
}

/** Steps in which nothing happened are left out. */
export function TimeTable({ lines, steps, unit, height, queryFor }: Props) {
  return (
    <ScrollArea
      h={height}
      type="auto"
      viewportProps={{ tabIndex: 0, role: "region", "aria-label": `${unit} over time` }}
    >
      <Table stickyHeader fz="sm" verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">From</Table.Th>
            {lines.map(({ key, label }) => (
              <Table.Th key={key} scope="col" ta="right">
                {label}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {stepsWithData(steps, lines).map((step) => (
            <Table.Tr key={step.start}>
              <Table.Th scope="row" fw={400}>
                {queryFor ? (
                  <TextLink to="/messages" search={{ q: queryFor(step) }} size="sm">
                    {dateAndTime(new Date(step.start))}
                  </TextLink>
                ) : (
                  dateAndTime(new Date(step.start))
                )}
              </Table.Th>
              {lines.map(({ key }) => (
                <Table.Td key={key} ta="right">
                  {count(step.values[key] ?? 0)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}
