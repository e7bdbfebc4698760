import { PageHeader } from "../../parts/page-header";

export function SystemPage() {
  return <PageHeader title="System" />;
}
