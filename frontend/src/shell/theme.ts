// How the whole looks. Colours of text are darker (lighter on dark) than the library's own, so
// that small print keeps a contrast of 4.5 : 1 (WCAG 2.2, 1.4.3).

import { type CSSVariablesResolver, createTheme } from "@mantine/core";

export const theme = createTheme({
  primaryColor: "indigo",
  primaryShade: 7,
  autoContrast: true,
  defaultRadius: "md",
  cursorType: "pointer",
  focusRing: "auto",
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace:
    'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: { fontWeight: "650" },
  components: {
    // The cross of a dialog is a picture: without a name a screen reader says only "button".
    Modal: { defaultProps: { closeButtonProps: { "aria-label": "Close" } } },
    // Its own bullets are white on dark too.
    Timeline: { styles: { itemBullet: { backgroundColor: "var(--mantine-color-body)" } } },
  },
});

const TEXT_COLORS = [
  "gray",
  "red",
  "pink",
  "grape",
  "indigo",
  "blue",
  "cyan",
  "teal",
  "green",
  "yellow",
  "orange",
];

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "var(--mantine-color-gray-7)",
    "--mantine-color-placeholder": "var(--mantine-color-gray-6)",
    "--mantine-color-body": "#fbfbfc",
    "--mantine-color-error": "var(--mantine-color-red-9)",
    "--mantine-color-anchor": "var(--mantine-color-indigo-8)",
    ...Object.fromEntries(
      TEXT_COLORS.map((name) => [
        `--mantine-color-${name}-light-color`,
        DARK_TEXT[name] ?? `var(--mantine-color-${name}-9)`,
      ]),
    ),
  },
  dark: {
    "--mantine-color-dimmed": "var(--mantine-color-dark-1)",
    "--mantine-color-error": "var(--mantine-color-red-4)",
    "--mantine-color-anchor": "var(--mantine-color-indigo-3)",
    ...Object.fromEntries(
      TEXT_COLORS.map((name) => [
        `--mantine-color-${name}-light-color`,
        `var(--mantine-color-${name}-2)`,
      ]),
    ),
  },
});

/** Colours whose darkest shade is still too light for text on its own tint. */
const DARK_TEXT: Record<string, string> = {
  yellow: "#7a4b00",
  orange: "#9c3a00",
  green: "#1e6b2e",
  teal: "#056048",
  cyan: "#095c68",
};
