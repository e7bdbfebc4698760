// What of the list is shown; it stands in the page's address.

import { CloseButton, Group, NativeSelect, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import type { Reason, SuppressionsSearch } from "./search";
import { ORIGINS, REASONS } from "./suppression";

interface Props {
  filters: SuppressionsSearch;
  onChange: (filters: SuppressionsSearch) => void;
}

const TYPING_MS = 300;

export function Filters({ filters, onChange }: Props) {
  const [typed, setTyped] = useState(filters.q ?? "");
  const search = useDebouncedCallback((q: string) => onChange({ ...filters, q }), TYPING_MS);
  const type = (q: string) => {
    setTyped(q);
    search(q);
  };
  const isOneOrigin = filters.origin && !ORIGINS.some(({ value }) => value === filters.origin);
  return (
    <Group gap="sm">
      <TextInput
        aria-label="Part of an address"
        placeholder="Part of an address"
        leftSection={<IconSearch size={16} aria-hidden />}
        rightSection={typed && <CloseButton aria-label="Clear" onClick={() => type("")} />}
        value={typed}
        onChange={(event) => type(event.currentTarget.value)}
        spellCheck={false}
        style={{ flex: "1 1 14rem" }}
      />
      <NativeSelect
        aria-label="Reason"
        data={[{ value: "", label: "Any reason" }, ...REASONS]}
        value={filters.reason ?? ""}
        onChange={(event) =>
          onChange({ ...filters, reason: (event.currentTarget.value || undefined) as Reason })
        }
        style={{ flex: "1 1 9rem" }}
      />
      <NativeSelect
        aria-label="Origin"
        data={[
          { value: "", label: "Any origin" },
          ...ORIGINS,
          ...(isOneOrigin && filters.origin ? [filters.origin] : []),
        ]}
        value={filters.origin ?? ""}
        onChange={(event) => onChange({ ...filters, origin: event.currentTarget.value })}
        style={{ flex: "1 1 9rem" }}
      />
    </Group>
  );
}
