// One message: what it is, what happened to it, what stands in it, and what may be done.

import { Anchor, Button, Group, Stack, Text } from "@mantine/core";
import { IconChevronLeft, IconMailQuestion } from "@tabler/icons-react";
import { Link, useParams } from "@tanstack/react-router";
import { ApiProblem } from "../../api/problem";
import type { Message } from "../../api/types";
import { PageAllowed } from "../../parts/allowed";
import { Empty } from "../../parts/empty";
import { Loaded } from "../../parts/loaded";
import { PageHeader } from "../../parts/page-header";
import { MessageBadge } from "../../parts/state-badge";
import { When } from "../../parts/when";
import { MESSAGE_WORDS, wordFor } from "../../parts/words";
import { Actions } from "./actions";
import { Content } from "./content";
import { Facts } from "./facts";
import classes from "./message.module.css";
import { type Providers, useMessage, useProviders } from "./queries";
import { Recipients } from "./recipients";
import { TimelinePanel } from "./timeline-panel";
import { UnknownOutcome } from "./unknown";

const NONE: Providers = new Map();

export function MessagePage() {
  return (
    <PageAllowed scope="read">
      <Page />
    </PageAllowed>
  );
}

function Page() {
  const { id } = useParams({ from: "/messages/$id" });
  const query = useMessage(id);
  const { error } = query;
  if (error instanceof ApiProblem && error.status === 404) return <NoSuchMessage id={id} />;
  return (
    <>
      <Anchor component={Link} to="/messages" size="sm">
        <Group component="span" gap={2} display="inline-flex" mb={6}>
          <IconChevronLeft size={15} aria-hidden /> Messages
        </Group>
      </Anchor>
      {!query.data && <PageHeader title="Message" />}
      <Loaded query={query}>{(message) => <OneMessage message={message} />}</Loaded>
    </>
  );
}

function OneMessage({ message }: { message: Message }) {
  const providers = useProviders().data ?? NONE;
  return (
    <>
      <PageHeader
        title={message.subject || "(no subject)"}
        description={`${message.from} to ${people(message)}`}
        actions={<Actions message={message} />}
      />
      <Group gap="sm" mb="md">
        <MessageBadge status={message.status} />
        <Text size="sm">
          {wordFor(MESSAGE_WORDS, message.status).meaning} <Soon message={message} />
        </Text>
      </Group>
      {message.status === "unknown" && <UnknownOutcome message={message} providers={providers} />}
      <div className={classes.columns}>
        <Stack miw={0}>
          <TimelinePanel message={message} kinds={providers} />
          <Content key={message.id} message={message} />
        </Stack>
        <Stack miw={0}>
          <Recipients recipients={message.recipients} />
          <Facts message={message} kinds={providers} />
        </Stack>
      </div>
    </>
  );
}

/** When something happens next, where that is known. */
function Soon({ message: { status, next_attempt_at } }: { message: Message }) {
  if (!next_attempt_at || status === "unknown" || status === "held") return null;
  return (
    <>
      {status === "scheduled" ? "It goes out " : "The next attempt is due "}
      <When at={next_attempt_at} />.
    </>
  );
}

function people({ to, cc, bcc }: Message): string {
  const [first = "nobody", second, ...others] = [...to, ...cc, ...bcc];
  if (!second) return first;
  return others.length > 0
    ? `${first}, ${second} and ${others.length} more`
    : `${first}, ${second}`;
}

function NoSuchMessage({ id }: { id: string }) {
  return (
    <>
      <PageHeader title="Message" />
      <Empty
        icon={IconMailQuestion}
        title="There is no message with this id"
        action={
          <Button component={Link} to="/messages">
            To all messages
          </Button>
        }
      >
        This gateway has none called <code className={classes.breaks}>{id}</code>. Was it copied
        whole, and does it belong to this gateway?
      </Empty>
    </>
  );
}
