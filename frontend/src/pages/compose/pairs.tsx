// Rows of a name and a value: headers, metadata.

import { ActionIcon, Button, Group, Input, Stack, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import classes from "./compose.module.css";
import { freshId, type Pair } from "./draft";

interface Props {
  label: string;
  /** What one row is called, such as "header". */
  one: string;
  description: string;
  placeholder: readonly [name: string, value: string];
  value: Pair[];
  onChange: (value: Pair[]) => void;
  error: string | null;
}

export function Pairs({ label, one, description, placeholder, value, onChange, error }: Props) {
  const replace = (id: string, part: Partial<Pair>) =>
    onChange(value.map((pair) => (pair.id === id ? { ...pair, ...part } : pair)));
  return (
    <Input.Wrapper label={label} description={description} labelElement="div">
      <Stack gap={6} mt={6}>
        {value.map((pair, at) => (
          <Group key={pair.id} gap={6} wrap="nowrap">
            <TextInput
              aria-label={`Name of ${one} ${at + 1}`}
              placeholder={placeholder[0]}
              value={pair.name}
              onChange={(event) => replace(pair.id, { name: event.currentTarget.value })}
              error={error !== null}
              spellCheck={false}
              style={{ flex: 2 }}
            />
            <TextInput
              aria-label={`Value of ${one} ${at + 1}`}
              placeholder={placeholder[1]}
              value={pair.value}
              onChange={(event) => replace(pair.id, { value: event.currentTarget.value })}
              style={{ flex: 3 }}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              onClick={() => onChange(value.filter(({ id }) => id !== pair.id))}
              aria-label={`Remove ${one} ${at + 1}`}
            >
              <IconX size={16} />
            </ActionIcon>
          </Group>
        ))}
        <Input.Error className={classes.error}>{error}</Input.Error>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => onChange([...value, { id: freshId("pair-"), name: "", value: "" }])}
          style={{ alignSelf: "flex-start" }}
        >
          Add a {one}
        </Button>
      </Stack>
    </Input.Wrapper>
  );
}
