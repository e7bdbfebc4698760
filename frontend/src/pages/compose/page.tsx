import { PageHeader } from "../../parts/page-header";

export function ComposePage() {
  return <PageHeader title="Compose" />;
}
