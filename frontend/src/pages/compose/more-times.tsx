// When the mail goes out, how long it is tried, by which route, and what an unknown outcome means.

import {
  Alert,
  NativeSelect,
  NumberInput,
  Radio,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useId } from "react";
import { useMay } from "../../api/session";
import { faultAt } from "../../parts/pointers";
import { useRoutes } from "../../parts/queries";
import type { Composing } from "./compose";
import classes from "./compose.module.css";
import type { Draft, Span } from "./draft";

const SPANS: readonly Span[] = ["seconds", "minutes", "hours", "days"];
const PRIORITIES: readonly Draft["priority"][] = ["high", "normal", "low"];

export function TimeFields({ draft, faults, change }: Composing) {
  return (
    <Stack>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <TextInput
          type="datetime-local"
          label="Send at"
          description="At most 30 days ahead, in your own time zone. Empty: now."
          value={draft.sendAt}
          onChange={(event) => change({ sendAt: event.currentTarget.value })}
          error={faultAt(faults, "/send_at")}
          inputWrapperOrder={["label", "input", "description", "error"]}
        />
        <GiveUp draft={draft} faults={faults} change={change} />
      </SimpleGrid>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <RouteChoice draft={draft} faults={faults} change={change} />
        <PriorityChoice draft={draft} change={change} />
      </SimpleGrid>
      <UnknownChoice draft={draft} faults={faults} change={change} />
    </Stack>
  );
}

type Part = Pick<Composing, "draft" | "faults" | "change">;

function GiveUp({ draft, faults, change }: Part) {
  return (
    <div className={classes.span}>
      <NumberInput
        label="Give up after"
        description="A code that is good for ten minutes need not be tried for hours."
        placeholder="As configured"
        min={1}
        value={draft.giveUpAfter ?? ""}
        onChange={(value) => change({ giveUpAfter: typeof value === "number" ? value : null })}
        error={faultAt(faults, "/give_up_after")}
        inputWrapperOrder={["label", "input", "description", "error"]}
        hideControls
      />
      <NativeSelect
        mt={25}
        aria-label="Unit of give up after"
        data={[...SPANS]}
        value={draft.giveUpSpan}
        onChange={(event) => change({ giveUpSpan: event.currentTarget.value as Span })}
      />
    </div>
  );
}

/** A key that may not read cannot ask for the names, but its owner may know them. */
function RouteChoice(part: Part) {
  return useMay("read") ? <RouteSelect {...part} /> : <RouteName {...part} />;
}

function RouteSelect({ draft, faults, change }: Part) {
  const routes = useRoutes().data ?? [];
  const asked = routes.find(({ name }) => name === (draft.route || "default"));
  return (
    <NativeSelect
      label="Route"
      description={asked && `Asks ${asked.providers.join(", then ")}.`}
      data={[{ value: "", label: "By default" }, ...routes.map(({ name }) => name)]}
      value={draft.route}
      onChange={(event) => change({ route: event.currentTarget.value })}
      error={faultAt(faults, "/route")}
      inputWrapperOrder={["label", "input", "description", "error"]}
    />
  );
}

function RouteName({ draft, faults, change }: Part) {
  return (
    <TextInput
      label="Route"
      placeholder="default"
      value={draft.route}
      onChange={(event) => change({ route: event.currentTarget.value })}
      error={faultAt(faults, "/route")}
    />
  );
}

function PriorityChoice({ draft, change }: Pick<Composing, "draft" | "change">) {
  const id = useId();
  return (
    <div>
      <Text size="sm" fw={500} id={id} mb={2}>
        Priority
      </Text>
      <SegmentedControl
        fullWidth
        aria-labelledby={id}
        data={PRIORITIES.map((value) => ({ value, label: value }))}
        value={draft.priority}
        onChange={(priority) => change({ priority })}
      />
      <Text size="xs" c="dimmed" mt={4}>
        While higher mail is due, lower mail waits.
      </Text>
    </div>
  );
}

function UnknownChoice({ draft, faults, change }: Part) {
  return (
    <Stack gap="xs">
      <Radio.Group
        label="If nobody knows whether a provider took it"
        description="It happens: the line breaks after the mail went out and before the answer came."
        value={draft.onUnknown}
        onChange={(value) => change({ onUnknown: value })}
        error={faultAt(faults, "/on_unknown")}
      >
        <Stack gap="xs" mt="xs">
          <Radio value="" label="As the route says" />
          <Radio value="wait" label="Wait for evidence: it arrives once, perhaps late" />
          <Radio
            value="risk_duplicate"
            label="Ask the next provider at once: it arrives soon, perhaps twice"
          />
        </Stack>
      </Radio.Group>
      {draft.onUnknown === "risk_duplicate" && (
        <Alert
          color="orange"
          icon={<IconAlertTriangle />}
          title="The recipient may get two"
          role="note"
        >
          Choose this for mail that is worthless when late and harmless when doubled, such as a
          one-time code; never for an invoice.
        </Alert>
      )}
    </Stack>
  );
}
