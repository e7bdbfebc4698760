// Keys: who may do what, and taking it back.

import { Button, Checkbox, Stack, Text } from "@mantine/core";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { KEYS } from "../../api/queries";
import { signOut, useSession } from "../../api/session";
import { PageAllowed } from "../../parts/allowed";
import { useConfirm } from "../../parts/confirm";
import { Empty } from "../../parts/empty";
import { dateAndTime } from "../../parts/format";
import { Loaded } from "../../parts/loaded";
import { notifyDone, notifyProblem } from "../../parts/notify";
import { PageHeader } from "../../parts/page-header";
import { Panel } from "../../parts/panel";
import { SecretDialog } from "../../parts/secret-dialog";
import { useNow } from "../../parts/when";
import { CreateKey } from "./create-key";
import { type Key, stateOf } from "./key";
import { KeyTable } from "./key-table";
import { type KeyWithSecret, revokeKey, useKeys } from "./queries";
import { RotateKey } from "./rotate-key";

export function KeysPage() {
  return (
    <PageAllowed scope="manage">
      <Keys />
    </PageAllowed>
  );
}

const ABOUT_SECRET =
  "The gateway keeps no more than its hash. Store it where your program reads it, such as a secret manager; whoever has it may do what the key may do.";

interface Made {
  key: KeyWithSecret;
  remark: string;
}

function Keys() {
  const ownId = useSession().identity?.id;
  const keys = useKeys();
  const queries = useQueryClient();
  const [isCreating, setCreating] = useState(false);
  const [rotated, setRotated] = useState<Key | null>(null);
  const [made, setMade] = useState<Made | null>(null);
  const { ask, dialog } = useConfirm();

  const show = (key: KeyWithSecret, remark = "") => {
    setCreating(false);
    setRotated(null);
    setMade({ key, remark });
    void queries.invalidateQueries({ queryKey: [KEYS.keys] });
  };
  const revoke = (key: Key) =>
    ask({
      title: `Revoke the key “${key.name}”?`,
      body: <WhatRevokingDoes of={key} isOwn={key.id === ownId} />,
      confirm: "Revoke it",
      isDangerous: true,
      action: async () => {
        try {
          await revokeKey(key.id);
        } catch (error) {
          notifyProblem(error, "The key could not be revoked");
          return;
        }
        if (key.id === ownId) signOut("You revoked the key that you were signed in with.");
        else notifyDone(`The key “${key.name}” is revoked.`);
        await queries.invalidateQueries({ queryKey: [KEYS.keys] });
      },
    });
  return (
    <>
      <PageHeader
        title="Keys"
        description="Each program gets a key of its own, with no more rights than it needs."
        actions={
          <Button
            leftSection={<IconPlus size={16} aria-hidden />}
            onClick={() => setCreating(true)}
          >
            New key
          </Button>
        }
      />
      <Loaded query={keys}>
        {({ data }) => (
          <KeyList keys={data} ownId={ownId} onRotate={setRotated} onRevoke={revoke} />
        )}
      </Loaded>
      <CreateKey isOpen={isCreating} onClose={() => setCreating(false)} onMade={show} />
      <RotateKey
        of={rotated}
        isOwn={rotated?.id === ownId}
        onClose={() => setRotated(null)}
        onMade={show}
      />
      <SecretDialog
        secret={made?.key.secret ?? null}
        name={made?.key.name ?? ""}
        about={ABOUT_SECRET}
        remark={made?.remark ?? ""}
        onClose={() => setMade(null)}
      />
      {dialog}
    </>
  );
}

interface ListProps {
  keys: readonly Key[];
  ownId: string | undefined;
  onRotate: (key: Key) => void;
  onRevoke: (key: Key) => void;
}

function KeyList({ keys, ...rest }: ListProps) {
  const now = useNow();
  const [showsAll, setShowsAll] = useState(false);
  const good = keys.filter((key) => stateOf(key, now) === "good");
  const over = keys.length - good.length;
  const shown = showsAll ? keys : good;
  return (
    <Panel>
      <Stack gap="sm">
        {over > 0 && (
          <Checkbox
            size="xs"
            label={`Show revoked and expired ones (${over})`}
            checked={showsAll}
            onChange={(event) => setShowsAll(event.currentTarget.checked)}
          />
        )}
        {shown.length > 0 ? (
          <KeyTable keys={shown} {...rest} />
        ) : (
          <Empty icon={IconKey} title="No key is good">
            Make one: a program sends it as <code>Authorization: Bearer …</code>.
          </Empty>
        )}
      </Stack>
    </Panel>
  );
}

function WhatRevokingDoes({ of, isOwn }: { of: Key; isOwn: boolean }) {
  return (
    <Stack gap="xs">
      {isOwn && (
        <Text fw={600} c="var(--mantine-color-error)">
          You are signed in with this key: you will be signed out at once.
        </Text>
      )}
      <Text size="sm">
        Programs that use it are refused from the next second on. Mail that was already taken goes
        on. This cannot be undone.
      </Text>
      <Text size="sm" c="dimmed">
        {of.last_used_at
          ? `Last used ${dateAndTime(new Date(of.last_used_at))}.`
          : "It was never used."}
      </Text>
    </Stack>
  );
}
