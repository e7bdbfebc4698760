// Signing in: a key is tried before it is kept.

import {
  Alert,
  Anchor,
  Button,
  Center,
  Code,
  Paper,
  PasswordInput,
  Stack,
  Text,
  Title,
} from "@mantine/core";
import { type SubmitEvent, useEffect, useRef, useState } from "react";
import { addressOf, answer, api, apiOrigin } from "../../api/client";
import { ApiProblem } from "../../api/problem";
import { signIn, useSession } from "../../api/session";
import { inWords } from "../../parts/problem-notice";
import { Brand } from "../../shell/brand";

export function SignIn() {
  const { notice } = useSession();
  const [key, setKey] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Sign in · Mail Sender";
  }, []);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(null);
    try {
      signIn(key.trim(), await whoIs(key.trim()));
    } catch (error) {
      setFault(whyNot(error));
      setBusy(false);
      field.current?.select();
    }
  };

  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper withBorder radius="lg" p={{ base: "lg", xs: "xl" }} w="100%" maw={440}>
        <form onSubmit={(event) => void submit(event)}>
          <Stack>
            <Brand />
            <div>
              <Title order={1} size="h3">
                Sign in
              </Title>
              <Text c="dimmed" size="sm">
                With an API key of the gateway at{" "}
                <span style={{ overflowWrap: "anywhere" }}>{apiOrigin()}</span>
              </Text>
            </div>
            {notice && (
              <Alert color="orange" role="status">
                {notice}
              </Alert>
            )}
            <PasswordInput
              ref={field}
              label="API key"
              value={key}
              onChange={(event) => setKey(event.currentTarget.value)}
              error={fault}
              autoComplete="current-password"
              spellCheck={false}
              data-autofocus
              autoFocus
              required
            />
            <Button type="submit" loading={isBusy} disabled={!key.trim()} fullWidth>
              Sign in
            </Button>
            <Text size="sm" c="dimmed">
              <Code>make run</Code> prints a key when it starts. Elsewhere, make one on the server:{" "}
              <Code>mail-sender keys create --name me --scopes send,read,content,manage</Code>. It
              stays in this tab and is gone when you close it.
            </Text>
            <Anchor href={addressOf("/docs")} size="sm">
              API reference
            </Anchor>
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}

function whoIs(key: string) {
  return answer(api().GET("/v1/whoami", { headers: { Authorization: `Bearer ${key}` } }));
}

function whyNot(error: unknown): string {
  if (error instanceof ApiProblem && error.status === 401) {
    return "This key is not known here, or it was revoked or has expired.";
  }
  return inWords(error).detail;
}
