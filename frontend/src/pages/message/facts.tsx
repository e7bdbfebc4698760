// What the message is, beside what happened to it.

import { Badge, CopyButton, Group, Text, Tooltip, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import type { Message, MessageStatus } from "../../api/types";
import { TextLink } from "../../parts/links";
import { Panel } from "../../parts/panel";
import { When } from "../../parts/when";
import { quoted } from "../messages/search-line";
import classes from "./message.module.css";
import { type Kinds, providerName } from "./timeline";

const ENDED: ReadonlySet<MessageStatus> = new Set([
  "sent",
  "failed",
  "expired",
  "cancelled",
  "suppressed",
]);

export function Facts({ message, kinds }: { message: Message; kinds: Kinds }) {
  const { metadata, tags } = message;
  return (
    <Panel title="Facts">
      <dl className={classes.facts}>
        <Fact label="Id">
          <Copied value={message.id} />
        </Fact>
        <Fact label="From">
          <Search q={`from:${quoted(addressIn(message.from))}`}>{message.from}</Search>
        </Fact>
        <Fact label="Accepted">
          <When at={message.created_at} />
        </Fact>
        <Fact label="Changed">
          <When at={message.updated_at} />
        </Fact>
        {message.send_at && (
          <Fact label="Asked to go out">
            <When at={message.send_at} />
          </Fact>
        )}
        {message.next_attempt_at && (
          <Fact label={message.status === "unknown" ? "Looked into" : "Next attempt"}>
            <When at={message.next_attempt_at} />
          </Fact>
        )}
        {!ENDED.has(message.status) && (
          <Fact label="No attempt after">
            <When at={message.give_up_at} />
          </Fact>
        )}
        {message.provider && (
          <Fact label="Provider">
            <Search q={`provider:${quoted(message.provider)}`}>
              {providerName(message.provider, kinds)}
            </Search>
          </Fact>
        )}
        {message.provider_message_id && (
          <Fact label="Its id there">
            <Copied value={message.provider_message_id} />
          </Fact>
        )}
        <Fact label="Route">{message.route}</Fact>
        <Fact label="Priority">{message.priority}</Fact>
        <Fact label="Answered">
          {message.mode === "sync" ? "with the result (sync)" : "once stored (async)"}
        </Fact>
        {tags.length > 0 && (
          <Fact label="Tags">
            <Group gap={4}>
              {tags.map((tag) => (
                <TextLink key={tag} to="/messages" search={{ q: `tag:${tag}` }} underline="never">
                  <Badge variant="default" radius="sm" tt="none" fw={500}>
                    {tag}
                  </Badge>
                </TextLink>
              ))}
            </Group>
          </Fact>
        )}
        {Object.entries(metadata).map(([name, value]) => (
          <Fact key={name} label={name}>
            {value}
          </Fact>
        ))}
      </dl>
      {Object.keys(metadata).length > 0 && (
        <Text size="xs" c="dimmed" mt="xs">
          The last {Object.keys(metadata).length === 1 ? "line is" : "lines are"} the sender's own
          metadata.
        </Text>
      )}
    </Panel>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Search({ q, children }: { q: string; children: ReactNode }) {
  return (
    <TextLink to="/messages" search={{ q }} size="sm">
      {children}
    </TextLink>
  );
}

function Copied({ value }: { value: string }) {
  return (
    <CopyButton value={value} timeout={1_500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? "Copied" : "Copy"} withArrow>
          <UnstyledButton onClick={copy} aria-label={`Copy ${value}`}>
            <Text ff="monospace" fz={11.5} lh={1.5} className={classes.breaks}>
              {value}
            </Text>
          </UnstyledButton>
        </Tooltip>
      )}
    </CopyButton>
  );
}

function addressIn(mailbox: string): string {
  return /<([^>]+)>$/.exec(mailbox)?.[1] ?? mailbox;
}
