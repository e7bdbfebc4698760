import { PageHeader } from "../../parts/page-header";

export function SuppressionsPage() {
  return <PageHeader title="Suppressions" />;
}
