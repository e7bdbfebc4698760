import { Paper, SimpleGrid, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Figure } from "./figures";
import classes from "./overview.module.css";

export function FigureTiles({ figures }: { figures: readonly Figure[] }) {
  return (
    <SimpleGrid cols={{ base: 2, xs: 3, lg: 6 }} spacing="sm">
      {figures.map((figure) => (
        <Tile key={figure.label} figure={figure} />
      ))}
    </SimpleGrid>
  );
}

function Tile({ figure: { label, value, hint, q, tone } }: { figure: Figure }) {
  const inside = (
    <>
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text className={classes.value} data-tone={tone}>
        {value}
      </Text>
      <Text size="xs" c="dimmed">
        {hint}
      </Text>
    </>
  );
  if (q === null) {
    return (
      <Paper withBorder p="sm">
        {inside}
      </Paper>
    );
  }
  return (
    <Paper
      withBorder
      p="sm"
      className={classes.tile}
      renderRoot={(props) => <Link {...props} to="/messages" search={{ q }} />}
    >
      {inside}
    </Paper>
  );
}
