// Links to other pages in the library's looks, with the router's types for address and search.

import { Anchor, type AnchorProps, Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, Ref } from "react";

type Native = Omit<
  AnchorHTMLAttributes<HTMLAnchorElement>,
  keyof AnchorProps | keyof ButtonProps
> & {
  ref?: Ref<HTMLAnchorElement>;
};

export const TextLink = createLink((props: Native & Omit<AnchorProps, "href">) => (
  <Anchor {...props} />
));

export const ButtonLink = createLink((props: Native & ButtonProps) => (
  <Button component="a" {...props} />
));
