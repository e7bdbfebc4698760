// How the call is answered, what the mail carries for your own programs, and its key.

import {
  Button,
  Group,
  NumberInput,
  Radio,
  Stack,
  TagsInput,
  Text,
  TextInput,
} from "@mantine/core";
import { faultAt } from "../../parts/pointers";
import type { Composing } from "./compose";
import classes from "./compose.module.css";
import { freshKey } from "./draft";
import { Pairs } from "./pairs";

export function AnswerFields({ draft, faults, change }: Composing) {
  return (
    <Stack>
      <Radio.Group
        label="Mode"
        value={draft.mode}
        onChange={(value) => change({ mode: value })}
        error={faultAt(faults, "/mode")}
      >
        <Stack gap="xs" mt={6}>
          <Radio
            value="async"
            label="Async: answered as soon as it is stored"
            description="A worker hands it over and goes on trying until it is taken or too old."
          />
          <Radio
            value="sync"
            label="Sync: answered with the result"
            description="If every provider fails you hear it now, and nothing is sent later."
          />
        </Stack>
      </Radio.Group>
      {draft.mode === "sync" ? (
        <NumberInput
          label="Wait at most"
          description="1 to 120 seconds. If the time is up while a provider may have it, the outcome is unknown."
          placeholder="30"
          suffix=" s"
          maw={320}
          min={1}
          max={120}
          value={draft.timeout ?? ""}
          onChange={(value) => change({ timeout: typeof value === "number" ? value : null })}
          error={faultAt(faults, "/timeout")}
        />
      ) : (
        <NumberInput
          label="Wait for a result"
          description="Holds the answer so long for the mail to end (Prefer: wait). Empty: not at all."
          placeholder="0"
          suffix=" s"
          maw={320}
          min={1}
          max={120}
          value={draft.wait ?? ""}
          onChange={(value) => change({ wait: typeof value === "number" ? value : null })}
          error={faultAt(faults, "#/header/Prefer")}
        />
      )}
    </Stack>
  );
}

export function LabelFields({ draft, faults, change }: Composing) {
  return (
    <Stack>
      <TagsInput
        label="Tags"
        description="For statistics and searches. At most 10, of letters, digits, _ and -."
        placeholder={draft.tags.length === 0 ? "orders" : undefined}
        value={draft.tags}
        onChange={(tags) => change({ tags })}
        splitChars={[",", " ", ";"]}
        acceptValueOnBlur
        error={faultAt(faults, "/tags", draft.tags)}
        errorProps={{ className: classes.error }}
      />
      <Pairs
        label="Metadata"
        one="pair"
        description="Comes back in the message and its events, and never reaches the recipient."
        placeholder={["order", "7"]}
        value={draft.metadata}
        onChange={(metadata) => change({ metadata })}
        error={faultAt(faults, "/metadata")}
      />
      <Pairs
        label="Headers"
        one="header"
        description="Further header fields of the mail, but not those that the gateway writes itself."
        placeholder={["X-Campaign", "spring"]}
        value={draft.headers}
        onChange={(headers) => change({ headers })}
        error={faultAt(faults, "/headers")}
      />
    </Stack>
  );
}

export function KeyField({ draft, faults, change }: Composing) {
  return (
    <Stack gap={4}>
      <Group align="flex-end" gap="xs" wrap="nowrap">
        <TextInput
          label="Idempotency key"
          placeholder="None: every call is another mail"
          value={draft.idempotencyKey}
          onChange={(event) => change({ idempotencyKey: event.currentTarget.value })}
          error={faultAt(faults, "#/header/Idempotency-Key")}
          classNames={{ input: classes.mono }}
          spellCheck={false}
          style={{ flex: 1 }}
        />
        <Button
          variant="default"
          onClick={() => change({ idempotencyKey: freshKey() })}
          aria-label="Give it a new idempotency key"
        >
          New
        </Button>
      </Group>
      <Text size="xs" c="dimmed">
        Each mail that you write here has a key of its own. However often it is sent, by a double
        click or because no answer came, the gateway takes it once and answers the same again.
        Without a key, every call is another mail.
      </Text>
    </Stack>
  );
}
