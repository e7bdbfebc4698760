// Webhooks: which programs are told of events, how that goes, and what was delivered.

import { Button, Stack } from "@mantine/core";
import { IconPlus, IconWebhook } from "@tabler/icons-react";
import { useState } from "react";
import type { Webhook } from "../../api/types";
import { Allowed, PageAllowed } from "../../parts/allowed";
import { Empty } from "../../parts/empty";
import { Loaded } from "../../parts/loaded";
import { PageHeader } from "../../parts/page-header";
import { useWebhooks } from "../../parts/queries";
import { SecretDialog } from "../../parts/secret-dialog";
import type { WithSecret } from "./queries";
import { WebhookCard } from "./webhook-card";
import { WebhookForm } from "./webhook-form";

const ABOUT_SECRET =
  "Give it to the program that receives: it checks the signature of each event with it. The gateway keeps it to sign with, and shows it to nobody.";

export function WebhooksPage() {
  return (
    <PageAllowed scope="read">
      <Webhooks />
    </PageAllowed>
  );
}

interface Made {
  webhook: WithSecret;
  remark: string;
}

function Webhooks() {
  const webhooks = useWebhooks();
  const [edited, setEdited] = useState<Webhook | "new" | null>(null);
  const [made, setMade] = useState<Made | null>(null);
  const create = (
    <Allowed scope="manage">
      <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setEdited("new")}>
        New webhook
      </Button>
    </Allowed>
  );
  return (
    <>
      <PageHeader
        title="Webhooks"
        description="Your programs are told what happens to mail: each event is a signed POST, tried again over a day until it is taken."
        actions={webhooks.data && webhooks.data.length > 0 && create}
      />
      <Loaded
        query={webhooks}
        isEmpty={(all) => all.length === 0}
        empty={
          <Empty icon={IconWebhook} title="No program is told of events" action={create}>
            Name an <code>https://</code> address of yours, and it gets what you choose: handed
            over, delivered, bounced, unknown, a provider that fell ill.
          </Empty>
        }
      >
        {(all) => (
          <Stack gap="md">
            {all.map((webhook) => (
              <WebhookCard
                key={webhook.id}
                webhook={webhook}
                onEdit={() => setEdited(webhook)}
                onSecret={(rotated, remark) => setMade({ webhook: rotated, remark })}
              />
            ))}
          </Stack>
        )}
      </Loaded>
      <WebhookForm
        of={edited}
        onClose={() => setEdited(null)}
        onMade={(webhook) => setMade({ webhook, remark: "Then press “Test” to try it." })}
      />
      <SecretDialog
        secret={made?.webhook.secret ?? null}
        name={made?.webhook.url ?? ""}
        about={ABOUT_SECRET}
        remark={made?.remark ?? ""}
        onClose={() => setMade(null)}
      />
    </>
  );
}
