// What the key may not do is not offered.

import { Button } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { signOut, useMay } from "../api/session";
import type { Scope } from "../api/types";
import { Empty } from "./empty";

export function Allowed({ scope, children }: { scope: Scope; children: ReactNode }) {
  return useMay(scope) ? children : null;
}

/** For a whole page that was reached by its address with a key that may not read it. */
export function PageAllowed({ scope, children }: { scope: Scope; children: ReactNode }) {
  if (useMay(scope)) return children;
  return (
    <Empty
      icon={IconLock}
      title="Your key does not open this page"
      action={<Button onClick={() => signOut()}>Sign in with another key</Button>}
    >
      It needs a key with the scope <code>{scope}</code>.
    </Empty>
  );
}
