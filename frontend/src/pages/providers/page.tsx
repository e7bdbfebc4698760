import { PageHeader } from "../../parts/page-header";

export function ProvidersPage() {
  return <PageHeader title="Providers" />;
}
