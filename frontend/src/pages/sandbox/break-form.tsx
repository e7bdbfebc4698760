// What shall go wrong: one choice, its setting, one click.

import { Button, NativeSelect, NumberInput, Stack, Text, TextInput } from "@mantine/core";
import { IconHeartBroken } from "@tabler/icons-react";
import { type SubmitEvent, useState } from "react";
import {
  type Account,
  CONSEQUENCES,
  type FaultKind,
  faultsFor,
  GROUPS,
  requestFor,
  type Setting,
} from "./faults";
import { useBreak } from "./queries";

export function BreakForm({ account }: { account: Account }) {
  const possible = faultsFor(account.kind);
  const [name, setName] = useState("down");
  const [values, setValues] = useState<Record<string, string | number>>({});
  const [times, setTimes] = useState<number | null>(null);
  const doBreak = useBreak(account.name);
  const kind = possible.find((each) => each.name === name) ?? possible[0];
  if (!kind) return null;
  const value = values[kind.name] ?? kind.setting?.initial ?? "";
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    doBreak.mutate(requestFor(kind, value, times));
  };
  return (
    <form onSubmit={submit} style={{ marginTop: "auto" }}>
      <Stack gap="xs">
        <NativeSelect
          label="What goes wrong"
          data={choicesOf(possible)}
          value={kind.name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Text size="sm" c="dimmed">
          {kind.acts} {CONSEQUENCES[kind.consequence]}
        </Text>
        {kind.setting && (
          <SettingField
            setting={kind.setting}
            value={value}
            onChange={(next) => setValues({ ...values, [kind.name]: next })}
          />
        )}
        {!kind.isStanding && (
          <NumberInput
            size="xs"
            label="Mends itself after so many hits"
            placeholder="Never"
            min={1}
            allowDecimal={false}
            value={times ?? ""}
            onChange={(next) => setTimes(typeof next === "number" ? next : null)}
          />
        )}
        <Button
          type="submit"
          color="red"
          variant="light"
          loading={doBreak.isPending}
          leftSection={<IconHeartBroken size={16} aria-hidden />}
        >
          Break {account.name}
        </Button>
      </Stack>
    </form>
  );
}

interface SettingProps {
  setting: Setting;
  value: string | number;
  onChange: (value: string | number) => void;
}

function SettingField({ setting, value, onChange }: SettingProps) {
  if (typeof setting.initial === "string") {
    return (
      <TextInput
        size="xs"
        label={setting.label}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        spellCheck={false}
      />
    );
  }
  return (
    <NumberInput
      size="xs"
      label={setting.label}
      min={0}
      max={3_600}
      value={value}
      onChange={(next) => onChange(next === "" ? 0 : next)}
    />
  );
}

function choicesOf(possible: readonly FaultKind[]) {
  return GROUPS.map(([consequence, group]) => ({
    group,
    items: possible
      .filter((kind) => kind.consequence === consequence)
      .map(({ name, label }) => ({ value: name, label })),
  })).filter(({ items }) => items.length > 0);
}
