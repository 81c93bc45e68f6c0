import { z } from "zod";
import { afterCursor, pageFields, pageOf, referenceField } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
import type { Sealer } from "../platform/secrets.ts";
import { currentBindingsOf } from "./binding.store.ts";
import type { Binding } from "./binding.ts";
import { createCustomer } from "./create-customer.flow.ts";
import { customerByReference, listCustomers } from "./customer.store.ts";
import { type Customer, phoneContext } from "./customer.ts";
import { maskPhone } from "./phone.ts";

type CustomerTools = { readonly db: Database; readonly clock: Clock; readonly sealer: Sealer };

const newCustomer = z.strictObject({
  reference: referenceField(),
  name: z
    .string({ error: "must be the customer's name" })
    .trim()
    .min(1)
    .max(70, { error: "must be at most 70 characters" }),
  phone: z.string({ error: 'must be text, e.g. "081234567890"' }).max(30),
  email: z
    .email({ error: "must be an e-mail address" })
    .max(64, { error: "must be at most 64 characters" })
    .nullish(),
});

/** Customers: who pays. */
export function customerRoutes(tools: CustomerTools): ApiRoute[] {
  return [create(tools), list(tools), get(tools)];
}

function create(tools: CustomerTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/customers",
    summary: "Store a customer with the mobile number of the OVO wallet",
    roles: ["billing"],
    idempotency: "optional",
    body: newCustomer,
    status: 201,
    run: async ({ body: { reference, name, phone, email } }) => {
      const customer = await createCustomer(tools, { reference, name, phone, email: email ?? null });
      return show(tools.sealer, customer, undefined);
    },
  });
}

function list({ db, sealer }: CustomerTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/customers",
    summary: "Customers by reference",
    roles: EVERYBODY,
    idempotency: "none",
    query: z.strictObject(pageFields),
    run: async ({ query: { limit, cursor } }) =>
      db.begin(async (tx) => {
        const customers = await listCustomers(tx, afterCursor(cursor), limit + 1);
        const ids = customers.map((customer) => customer.id);
        const bindings = await currentBindingsOf(tx, ids);
        return pageOf(
          customers,
          limit,
          (customer) => customer.reference,
          (customer) => show(sealer, customer, bindings.get(customer.id)),
        );
      }),
  });
}

function get({ db, sealer }: CustomerTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/customers/:reference",
    summary: "A customer and the state of the wallet's binding",
    roles: EVERYBODY,
    idempotency: "none",
    run: async ({ params }) =>
      db.begin(async (tx) => {
        const customer = await customerByReference(tx, params["reference"] ?? "");
        const bindings = await currentBindingsOf(tx, [customer.id]);
        return show(sealer, customer, bindings.get(customer.id));
      }),
  });
}

function show(sealer: Sealer, customer: Customer, binding: Pick<Binding, "id" | "state"> | undefined) {
  return {
    reference: customer.reference,
    name: customer.name,
    phone: maskPhone(sealer.open(customer.phone, phoneContext(customer.id))),
    email: customer.email,
    binding: binding ?? null,
    created_at: customer.createdAt.toISO(),
  };
}
