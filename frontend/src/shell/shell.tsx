// The frame around every page: menu, who is signed in, colours, and whether it is live.

import {
  ActionIcon,
  AppShell,
  Burger,
  Group,
  Menu,
  NavLink,
  ScrollArea,
  Text,
  Tooltip,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBook2, IconLogout, IconMoon, IconSun, IconUserCircle } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { addressOf } from "../api/client";
import { type Liveness, useLive } from "../api/live";
import { signOut, useSession } from "../api/session";
import { SignIn } from "../pages/sign-in/page";
import { AwayBanner } from "./away";
import { Brand } from "./brand";
import { PLACES } from "./navigation";
import classes from "./shell.module.css";
import { useHasSandbox } from "./system";

export function Shell() {
  const { key } = useSession();
  const queries = useQueryClient();
  useEffect(() => {
    if (!key) queries.clear();
  }, [key, queries]);
  return key ? <SignedIn /> : <SignIn />;
}

function SignedIn() {
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const liveness = useLive();
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 224, breakpoint: "sm", collapsed: { mobile: !isOpen } }}
      padding={{ base: "md", md: "xl" }}
    >
      <a href="#page" className={classes.skip}>
        To the content
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
            <Brand />
          </Group>
          <Group gap="xs" wrap="nowrap">
            <LiveSign liveness={liveness} />
            <SchemeSwitch />
            <Account />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Pages">
        <ScrollArea>
          <Pages onChoice={close} />
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="page" tabIndex={-1} className={classes.main}>
        <div className={classes.page}>
          <AwayBanner />
          <Outlet />
        </div>
      </AppShell.Main>
    </AppShell>
  );
}

function Pages({ onChoice }: { onChoice: () => void }) {
  const { identity } = useSession();
  const hasSandbox = useHasSandbox();
  const at = useRouterState({ select: (state) => state.location.pathname });
  const places = PLACES.filter(
    ({ scope, needsSandbox }) => identity?.scopes.includes(scope) && (!needsSandbox || hasSandbox),
  );
  return (
    <>
      {places.map(({ to, label, icon: Picture }) => (
        <NavLink
          key={to}
          component={Link}
          to={to}
          label={label}
          leftSection={<Picture size={18} stroke={1.7} aria-hidden />}
          active={to === "/" ? at === "/" : at === to || at.startsWith(`${to}/`)}
          onClick={onChoice}
          className={classes.place}
        />
      ))}
      <NavLink
        href={addressOf("/docs")}
        target="_blank"
        rel="noreferrer"
        label="API reference"
        leftSection={<IconBook2 size={18} stroke={1.7} aria-hidden />}
        className={classes.place}
      />
    </>
  );
}

const LIVE_WORDS: Record<Liveness, { label: string; meaning: string }> = {
  live: { label: "Live", meaning: "What happens shows at once." },
  polling: {
    label: "Every 5 s",
    meaning: "The live stream is away; the page looks every 5 seconds.",
  },
  off: { label: "", meaning: "" },
};

function LiveSign({ liveness }: { liveness: Liveness }) {
  if (liveness === "off") return null;
  const { label, meaning } = LIVE_WORDS[liveness];
  return (
    <Tooltip label={meaning} withArrow>
      <Text size="xs" c="dimmed" className={classes.live} data-liveness={liveness} visibleFrom="xs">
        {label}
      </Text>
    </Tooltip>
  );
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const isDark = useComputedColorScheme("light") === "dark";
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      onClick={() => setColorScheme(isDark ? "light" : "dark")}
      aria-label={isDark ? "Light colours" : "Dark colours"}
    >
      {isDark ? <IconSun size={20} /> : <IconMoon size={20} />}
    </ActionIcon>
  );
}

function Account() {
  const { identity } = useSession();
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Your key">
          <IconUserCircle size={22} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          Signed in with the key “{identity?.name}” ({identity?.mode})
          <br />
          May: {identity?.scopes.join(", ")}
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
