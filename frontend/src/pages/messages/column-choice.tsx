import { Button, Checkbox, Popover, Stack } from "@mantine/core";
import { IconColumns3 } from "@tabler/icons-react";
import { OPTIONAL, type useColumns } from "./columns";

export function ColumnChoice({ columns }: { columns: ReturnType<typeof useColumns> }) {
  return (
    <Popover position="bottom-end" withArrow trapFocus>
      <Popover.Target>
        <Button variant="default" size="xs" leftSection={<IconColumns3 size={16} />}>
          Columns
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Checkbox.Group
          label="Shown besides status and subject"
          value={[...columns.names]}
          onChange={columns.choose}
        >
          <Stack gap={8} mt="xs">
            {OPTIONAL.map(({ name, label }) => (
              <Checkbox key={name} value={name} label={label} size="xs" />
            ))}
          </Stack>
        </Checkbox.Group>
        <Button variant="subtle" size="compact-xs" mt="sm" onClick={columns.reset}>
          As at first
        </Button>
      </Popover.Dropdown>
    </Popover>
  );
}
