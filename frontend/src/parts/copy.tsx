// Things to copy: a button, and a block of code with its button.

import { Box, Button, CopyButton } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import classes from "./copy.module.css";

export function Copy({ value, label = "Copy" }: { value: string; label?: string }) {
  return (
    <CopyButton value={value} timeout={1_500}>
      {({ copied, copy }) => (
        <Button
          size="compact-sm"
          variant="default"
          onClick={copy}
          leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
        >
          {copied ? "Copied" : label}
        </Button>
      )}
    </CopyButton>
  );
}

/** Code as it is; long lines scroll inside. */
export function CodeBlock({
  code,
  label,
  wrap = false,
}: {
  code: string;
  label: string;
  wrap?: boolean;
}) {
  return (
    <Box className={classes.block}>
      <section
        className={classes.code}
        data-wrap={wrap || undefined}
        tabIndex={0}
        aria-label={label}
      >
        <pre>{code}</pre>
      </section>
      <Box className={classes.button}>
        <Copy value={code} />
      </Box>
    </Box>
  );
}
