// The picture of a series over time. It brings the chart library with it, so it is loaded only
// where it is shown; see `time-chart.tsx`.

import "@mantine/charts/styles.css";
import { BarChart } from "@mantine/charts";
import { shortCount } from "./format";
import { type Line, rowsOf, type Step } from "./time-chart-data";

interface Props {
  lines: readonly Line[];
  steps: readonly Step[];
  height: number;
}

export default function TimeBars({ lines, steps, height }: Props) {
  return (
    <BarChart
      h={height}
      data={rowsOf(steps, lines)}
      dataKey="at"
      type="stacked"
      series={lines.map(({ key, label, color }) => ({ name: key, label, color }))}
      valueFormatter={shortCount}
      tickLine="none"
      gridAxis="x"
      maxBarWidth={28}
      fillOpacity={1}
      strokeDasharray="0"
      gridColor="var(--mantine-color-default-border)"
      textColor="var(--mantine-color-dimmed)"
      xAxisProps={{ minTickGap: 24, interval: "preserveStartEnd" }}
      yAxisProps={{ allowDecimals: false, width: 44 }}
      barProps={{ isAnimationActive: false }}
      tooltipAnimationDuration={0}
      // The table below the picture is what the keyboard and screen readers get.
      barChartProps={{ accessibilityLayer: false, barCategoryGap: "12%" }}
    />
  );
}
