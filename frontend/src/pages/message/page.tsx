import { PageHeader } from "../../parts/page-header";

export function MessagePage() {
  return <PageHeader title="Message" />;
}
