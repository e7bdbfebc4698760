import { SegmentedControl } from "@mantine/core";
import type { Period } from "../api/types";
import { PERIOD_WORDS, PERIODS } from "./period";

const CHOICES = PERIODS.map((period) => ({
  value: period,
  label: <span title={`The last ${PERIOD_WORDS[period]}`}>{period.replace(/(\d+)/, "$1 ")}</span>,
}));

export function PeriodSwitch({
  value,
  onChange,
}: {
  value: Period;
  onChange: (period: Period) => void;
}) {
  return (
    <SegmentedControl<Period>
      data={CHOICES}
      value={value}
      onChange={onChange}
      aria-label="Period"
      size="sm"
    />
  );
}
