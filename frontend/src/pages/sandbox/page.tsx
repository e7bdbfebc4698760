import { PageHeader } from "../../parts/page-header";

export function SandboxPage() {
  return <PageHeader title="Sandbox" />;
}
