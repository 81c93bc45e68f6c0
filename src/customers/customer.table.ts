import { EntitySchema } from "typeorm";
import { instantColumn } from "../platform/columns.ts";
import type { Binding } from "./binding.ts";
import type { Customer } from "./customer.ts";

export const customerTable = new EntitySchema<Customer>({
  name: "Customer",
  tableName: "customers",
  columns: {
    id: { type: "uuid", primary: true },
    reference: { type: "text" },
    name: { type: "text" },
    phone: { type: "text" },
    phoneIndex: { type: "text", name: "phone_index" },
    email: { type: "text", nullable: true },
    createdAt: { ...instantColumn, name: "created_at" },
  },
});

/** Without `exchange_leased_until`, which is only ever compared with the database's own clock. */
export const bindingTable = new EntitySchema<Binding>({
  name: "Binding",
  tableName: "bindings",
  columns: {
    id: { type: "uuid", primary: true },
    customerId: { type: "uuid", name: "customer_id" },
    phoneIndex: { type: "text", name: "phone_index" },
    state: { type: "text" },
    externalId: { type: "text", name: "external_id" },
    authCode: { type: "text", name: "auth_code", nullable: true },
    authCodeIndex: { type: "text", name: "auth_code_index", nullable: true },
    redirectUrl: { type: "text", name: "redirect_url", nullable: true },
    successUrl: { type: "text", name: "success_url" },
    failedUrl: { type: "text", name: "failed_url" },
    gatewayReference: { type: "text", name: "gateway_reference", nullable: true },
    customerToken: { type: "text", name: "customer_token", nullable: true },
    customerTokenAt: { ...instantColumn, name: "customer_token_at", nullable: true },
    customerTokenExpiresAt: { ...instantColumn, name: "customer_token_expires_at", nullable: true },
    refreshToken: { type: "text", name: "refresh_token", nullable: true },
    refreshExpiresAt: { ...instantColumn, name: "refresh_expires_at", nullable: true },
    reason: { type: "text", nullable: true },
    createdAt: { ...instantColumn, name: "created_at" },
    expiresAt: { ...instantColumn, name: "expires_at" },
    activatedAt: { ...instantColumn, name: "activated_at", nullable: true },
    suspendedAt: { ...instantColumn, name: "suspended_at", nullable: true },
    endedAt: { ...instantColumn, name: "ended_at", nullable: true },
  },
});
