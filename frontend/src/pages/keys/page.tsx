import { PageHeader } from "../../parts/page-header";

export function KeysPage() {
  return <PageHeader title="Keys" />;
}
