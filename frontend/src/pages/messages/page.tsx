import { PageHeader } from "../../parts/page-header";

export function MessagesPage() {
  return <PageHeader title="Messages" />;
}
