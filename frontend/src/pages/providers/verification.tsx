// Addresses that some accounts must know before they send as, or to, them.

import { Button, Group, List, Stack, Text, TextInput } from "@mantine/core";
import { type SubmitEvent, useState } from "react";
import { Allowed } from "../../parts/allowed";
import { Loaded } from "../../parts/loaded";
import { Panel } from "../../parts/panel";
import { WordBadge } from "../../parts/state-badge";
import { wordFor } from "../../parts/words";
import { useAskVerification, useVerification } from "./queries";
import { VERIFICATION_WORDS } from "./words";

export function Verification() {
  const [typed, setTyped] = useState("");
  const [address, setAddress] = useState<string | null>(null);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setAddress(typed.trim());
  };
  return (
    <Panel title="Verified addresses">
      <Stack gap="sm">
        <Text size="sm" c="dimmed" maw="70ch">
          Some accounts, such as those in the SES sandbox, only send as and to addresses that they
          know. See whether an address is known, and have the provider mail its owner a link.
        </Text>
        <form onSubmit={submit}>
          <Group gap="xs" align="flex-end">
            <TextInput
              label="Address"
              type="email"
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              placeholder="ann@example.net"
              required
              flex="1 1 14rem"
              maw={360}
            />
            <Button type="submit" variant="default">
              Look up
            </Button>
          </Group>
        </form>
        {address && <Found address={address} />}
      </Stack>
    </Panel>
  );
}

function Found({ address }: { address: string }) {
  const query = useVerification(address);
  const ask = useAskVerification(address);
  return (
    <div aria-live="polite">
      <Loaded
        query={query}
        isEmpty={({ data }) => data.length === 0}
        empty={<Text size="sm">No provider here wants addresses verified.</Text>}
      >
        {({ data }) => (
          <Stack gap="sm" align="flex-start">
            <List listStyleType="none" spacing="xs">
              {data.map(({ provider, status, detail }) => (
                <List.Item key={provider}>
                  <Group gap="xs">
                    <Text fw={600}>{provider}</Text>
                    <WordBadge word={wordFor(VERIFICATION_WORDS, status)} />
                  </Group>
                  <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
                    {detail}
                  </Text>
                </List.Item>
              ))}
            </List>
            {data.some(({ status }) => status !== "verified") && (
              <Allowed scope="manage">
                <Button size="xs" loading={ask.isPending} onClick={() => ask.mutate()}>
                  Ask to verify {address}
                </Button>
              </Allowed>
            )}
          </Stack>
        )}
      </Loaded>
    </div>
  );
}
