import { Button } from "@mantine/core";
import { IconMapOff } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { Empty } from "../parts/empty";

export function NotFound() {
  return (
    <Empty
      icon={IconMapOff}
      title="There is no page at this address"
      action={
        <Button component={Link} to="/">
          To the overview
        </Button>
      }
    />
  );
}
