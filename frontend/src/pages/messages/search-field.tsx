// The search line with what could be typed next, and what is wrong with it in words.

import { ActionIcon, Combobox, Group, Kbd, Text, TextInput, useCombobox } from "@mantine/core";
import { IconSearch, IconX } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { SearchHelp } from "./search-help";
import { type Known, type Suggestion, suggestionsFor } from "./search-line";

interface Props {
  /** What is searched for now. */
  q: string;
  known: Known;
  faults: readonly string[];
  onSearch: (q: string) => void;
}

export function SearchField({ q, known, faults, onSearch }: Props) {
  const [line, setLine] = useState(q);
  const [caret, setCaret] = useState(q.length);
  const input = useRef<HTMLInputElement>(null);
  const box = useCombobox({ onDropdownClose: () => box.resetSelectedOption() });
  const [cameFrom, setCameFrom] = useState(q);
  if (cameFrom !== q) {
    setCameFrom(q);
    setLine(q);
  }
  const offers = suggestionsFor(line, caret, known);

  const search = (wanted: string) => {
    setLine(wanted);
    box.closeDropdown();
    onSearch(wanted.trim());
  };
  const take = (offer: Suggestion) => {
    setLine(offer.line);
    setCaret(offer.caret);
    box.resetSelectedOption();
    // The field has its new text only after this render.
    requestAnimationFrame(() => input.current?.setSelectionRange(offer.caret, offer.caret));
    if (offer.isWhole) search(offer.line);
  };
  const moved = () => setCaret(input.current?.selectionStart ?? line.length);

  return (
    <Combobox
      store={box}
      onOptionSubmit={(text) => {
        const offer = offers.find((each) => each.text === text);
        if (offer) take(offer);
      }}
    >
      <Combobox.Target>
        <TextInput
          ref={input}
          type="search"
          aria-label="Search messages"
          placeholder="Search: to:example.net status:failed …"
          leftSection={<IconSearch size={16} aria-hidden />}
          rightSectionWidth={line ? 64 : 34}
          rightSection={
            <Group gap={2} wrap="nowrap">
              {line && (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label="Clear the search"
                  onClick={() => search("")}
                >
                  <IconX size={16} />
                </ActionIcon>
              )}
              <SearchHelp />
            </Group>
          }
          value={line}
          error={faults.length > 0 ? faults.join(" ") : undefined}
          onChange={(event) => {
            setLine(event.currentTarget.value);
            moved();
            box.openDropdown();
            box.resetSelectedOption();
          }}
          onSelect={moved}
          onFocus={() => box.openDropdown()}
          onBlur={() => box.closeDropdown()}
          onKeyDown={(event) => {
            if (event.key === "Enter" && box.getSelectedOptionIndex() < 0) search(line);
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={offers.length === 0}>
        <Combobox.Options mah={280} style={{ overflowY: "auto" }}>
          {offers.map((offer) => (
            <Combobox.Option key={offer.text} value={offer.text}>
              <Group justify="space-between" gap="md" wrap="nowrap">
                <Text size="sm" ff="monospace" truncate>
                  {offer.text}
                </Text>
                <Text size="xs" c="dimmed" truncate>
                  {offer.meaning}
                </Text>
              </Group>
            </Combobox.Option>
          ))}
        </Combobox.Options>
        <Combobox.Footer>
          <Text size="xs" c="dimmed">
            <Kbd size="xs">↑</Kbd> <Kbd size="xs">↓</Kbd> choose, <Kbd size="xs">Enter</Kbd> search
          </Text>
        </Combobox.Footer>
      </Combobox.Dropdown>
    </Combobox>
  );
}
