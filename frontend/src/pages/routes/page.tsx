import { PageHeader } from "../../parts/page-header";

export function RoutesPage() {
  return <PageHeader title="Routes" />;
}
