// The table of a merchant who bills without a product: one row an invoice, by TypeORM.
import { DataSource, EntitySchema } from "typeorm";

export type NaiveInvoice = {
  id: number;
  reference: string;
  customerToken: string;
  amount: number;
  status: "due" | "queued" | "charging" | "paid" | "failed";
  dueAt: Date;
  balance: number | null;
  gatewayReference: string | null;
  sentAt: Date | null;
  paidAt: Date | null;
};

export const CREATE_TABLE = `
  create table naive_invoices (
    id                 int generated always as identity primary key,
    reference          text not null unique,
    customer_token     text not null,
    amount             int not null,
    status             text not null,
    due_at             timestamptz not null,
    balance            int,
    gateway_reference  text,
    sent_at            timestamptz,
    paid_at            timestamptz
  );
  create index naive_invoices_due on naive_invoices (status, due_at)`;

export const naiveInvoice = new EntitySchema<NaiveInvoice>({
  name: "NaiveInvoice",
  tableName: "naive_invoices",
  columns: {
    id: { type: "int", primary: true, generated: true },
    reference: { type: "text" },
    customerToken: { type: "text", name: "customer_token" },
    amount: { type: "int" },
    status: { type: "text" },
    dueAt: { type: "timestamptz", name: "due_at" },
    balance: { type: "int", nullable: true },
    gatewayReference: { type: "text", name: "gateway_reference", nullable: true },
    sentAt: { type: "timestamptz", name: "sent_at", nullable: true },
    paidAt: { type: "timestamptz", name: "paid_at", nullable: true },
  },
});

/** Connects with TypeORM's own defaults. */
export function connect(url: string): Promise<DataSource> {
  return new DataSource({ type: "postgres", url, entities: [naiveInvoice] }).initialize();
}
