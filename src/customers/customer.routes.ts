import { z } from "zod";
import {
  afterCursor,
  momentField,
  pageAnswer,
  pageFields,
  pageOf,
  reasonField,
  referenceField,
} from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { rehearseIf, rehearsing } from "../platform/rehearsal.ts";
import type { Sealer } from "../platform/secrets.ts";
import { currentBindingsOf } from "./binding.store.ts";
import { BINDING_STATES, type Binding } from "./binding.ts";
import { createCustomer } from "./create-customer.flow.ts";
import { customerByReference, listCustomers } from "./customer.store.ts";
import { type Customer, isErased, phoneContext } from "./customer.ts";
import { type EraseCustomerTools, eraseCustomer } from "./erase-customer.flow.ts";
import { maskPhone } from "./phone.ts";
import { updateCustomer } from "./update-customer.flow.ts";

type CustomerTools = EraseCustomerTools & { readonly sealer: Sealer };

const nameField = z
  .string({ error: "must be the customer's name" })
  .trim()
  .min(1, { error: "must be the customer's name" })
  .max(70, { error: "must be at most 70 characters" });
const phoneField = z.string({ error: 'must be text, e.g. "081234567890"' }).max(30);
const emailField = z
  .email({ error: "must be an e-mail address" })
  .max(64, { error: "must be at most 64 characters" })
  .nullish();

const newCustomer = z.strictObject({
  reference: referenceField(),
  name: nameField,
  phone: phoneField,
  email: emailField,
});

const customerChange = z.strictObject({
  name: nameField.optional(),
  phone: phoneField.optional(),
  email: emailField.describe("null takes it away"),
});

const erasure = z.strictObject({
  reason: reasonField("must say why, e.g. the customer asked for it"),
});

const customerAnswer = z.strictObject({
  reference: z.string(),
  name: z.string(),
  phone: z.string().nullable().describe("with most digits hidden; null when the customer was erased"),
  email: z.string().nullable(),
  binding: z.strictObject({ id: z.uuid(), state: z.enum(BINDING_STATES) }).nullable(),
  created_at: momentField(),
});

/** Customers: who pays. */
export function customerRoutes(tools: CustomerTools): ApiRoute[] {
  return [create(tools), list(tools), get(tools), update(tools), erase(tools)];
}

function create(tools: CustomerTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/customers",
    command: "customer create",
    dryRun: true,
    summary: "Store a customer with the mobile number of the OVO wallet",
    roles: ["billing"],
    idempotency: "optional",
    body: newCustomer,
    answers: customerAnswer,
    status: 201,
    run: async ({ body: { reference, name, phone, email }, dryRun }) => {
      const db = dryRun ? rehearsing(tools.db) : tools.db;
      const customer = await createCustomer(
        { ...tools, db },
        { reference, name, phone, email: email ?? null },
      );
      return show(tools.sealer, customer, undefined);
    },
  });
}

function list({ db, sealer }: CustomerTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/customers",
    command: "customer list",
    summary: "Customers by reference",
    roles: EVERYBODY,
    idempotency: "none",
    query: z.strictObject(pageFields),
    answers: pageAnswer(customerAnswer),
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
    command: "customer show",
    summary: "A customer and the state of the wallet's binding",
    answers: customerAnswer,
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

function update(tools: CustomerTools): ApiRoute {
  return apiRoute({
    method: "PATCH",
    path: "/customers/:reference",
    command: "customer update",
    dryRun: true,
    summary: "Change a customer's name, phone or e-mail; the phone only while no wallet is linked",
    roles: ["billing"],
    idempotency: "optional",
    body: customerChange,
    answers: customerAnswer,
    run: ({ params, body, dryRun }) =>
      rehearseIf(dryRun, tools.db, async (db) => {
        const customer = await updateCustomer({ ...tools, db }, params["reference"] ?? "", body);
        const bindings = await db.begin((tx) => currentBindingsOf(tx, [customer.id]));
        return show(tools.sealer, customer, bindings.get(customer.id));
      }),
  });
}

function erase(tools: CustomerTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/customers/:reference/erase",
    command: "customer erase",
    dryRun: true,
    summary: "Forget who a customer is; the reference and all that was billed and paid stay",
    roles: ["operator"],
    idempotency: "optional",
    body: erasure,
    answers: customerAnswer,
    run: ({ params, body: { reason }, actor, dryRun }) =>
      rehearseIf(dryRun, tools.db, async (db) => {
        const customer = await eraseCustomer({ ...tools, db }, params["reference"] ?? "", reason, actor);
        const bindings = await db.begin((tx) => currentBindingsOf(tx, [customer.id]));
        return show(tools.sealer, customer, bindings.get(customer.id));
      }),
  });
}

function show(
  sealer: Sealer,
  customer: Customer,
  binding: Pick<Binding, "id" | "state"> | undefined,
): z.input<typeof customerAnswer> {
  return {
    reference: customer.reference,
    name: customer.name,
    phone: isErased(customer) ? null : maskPhone(sealer.open(customer.phone, phoneContext(customer.id))),
    email: customer.email,
    binding: binding ?? null,
    created_at: customer.createdAt.toISO(),
  };
}
