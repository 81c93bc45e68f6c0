import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import type { BindingId } from "../kernel/ids.ts";
import { afterCursor, isUuid, momentField, pageAnswer, pageFields, pageOf } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { type ActivateBindingTools, activateBinding } from "./activate-binding.flow.ts";
import { type BalanceTools, readBalance } from "./balance.flow.ts";
import { bindingById, listBindings } from "./binding.store.ts";
import { BINDING_STATES, type Binding } from "./binding.ts";
import { customerByReference, customersById } from "./customer.store.ts";
import { rehearseBinding, startBinding } from "./start-binding.flow.ts";
import { rehearseUnbinding, type UnbindTools, unbindWallet } from "./unbind.flow.ts";

export type BindingTools = ActivateBindingTools & BalanceTools & UnbindTools;

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Where the customer's browser comes back to; http would show the return to everybody on its way. */
function returnUrlField() {
  const error = "must be an https address the customer's browser comes back to (http only on localhost)";
  return z
    .string({ error })
    .max(500, { error: "must be at most 500 characters" })
    .refine(isReturnUrl, { error });
}

function isReturnUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.includes(hostname));
}

const newBinding = z.strictObject({ success_url: returnUrlField(), failed_url: returnUrlField() });

const listQuery = z.strictObject({
  customer: z.string().max(64).optional(),
  state: z.enum(BINDING_STATES, { error: `must be one of ${BINDING_STATES.join(", ")}` }).optional(),
  ...pageFields,
});

const bindingAnswer = z.strictObject({
  id: z.uuid(),
  customer: z.string().nullable(),
  state: z.enum(BINDING_STATES),
  redirect_url: z.string().nullable().describe("where the customer's browser goes to link the wallet"),
  reason: z.string().nullable(),
  created_at: momentField(),
  expires_at: momentField(),
  activated_at: momentField().nullable(),
  suspended_at: momentField().nullable(),
  ended_at: momentField().nullable(),
});

/** Bindings: the consent of wallet owners to be charged. */
export function bindingRoutes(tools: BindingTools): ApiRoute[] {
  return [start(tools), list(tools), get(tools), balance(tools), unbind(tools)];
}

function start(tools: BindingTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/customers/:reference/bindings",
    command: "binding create",
    dryRun: true,
    callsGateway: true,
    summary: "Begin to link the customer's OVO wallet; send the browser to redirect_url",
    roles: ["billing"],
    idempotency: "optional",
    body: newBinding,
    answers: bindingAnswer,
    status: 201,
    run: async ({ params, body: { success_url: successUrl, failed_url: failedUrl }, dryRun }) => {
      const customerReference = params["reference"] ?? "";
      const begin = dryRun ? rehearseBinding : startBinding;
      return show(await begin(tools, { customerReference, successUrl, failedUrl }), customerReference);
    },
  });
}

function list({ db }: BindingTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/bindings",
    command: "binding list",
    summary: "Bindings, also of one customer or in one state",
    roles: EVERYBODY,
    idempotency: "none",
    query: listQuery,
    answers: pageAnswer(bindingAnswer),
    run: async ({ query: { customer, state, limit, cursor } }) =>
      db.begin(async (tx) => {
        const customerId = customer === undefined ? null : (await customerByReference(tx, customer)).id;
        const after = afterCursor(cursor, isUuid);
        const bindings = await listBindings(tx, { customerId, state: state ?? null, after }, limit + 1);
        const ids = bindings.map((binding) => binding.customerId);
        const customers = await customersById(tx, ids);
        return pageOf(
          bindings,
          limit,
          (binding) => binding.id,
          (binding) => show(binding, customers.get(binding.customerId)?.reference ?? null),
        );
      }),
  });
}

function get(tools: BindingTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/bindings/:id",
    command: "binding show",
    callsGateway: true,
    summary: "A binding; one that is pending is asked after at the gateway first",
    answers: bindingAnswer,
    roles: EVERYBODY,
    idempotency: "none",
    run: async ({ params }) => {
      const id = bindingId(params);
      const { state } = await tools.db.begin((tx) => bindingById(tx, id));
      if (state === "pending") await activateBinding(tools, id);
      return tools.db.begin(async (tx) => {
        const binding = await bindingById(tx, id);
        const customers = await customersById(tx, [binding.customerId]);
        return show(binding, customers.get(binding.customerId)?.reference ?? null);
      });
    },
  });
}

function balance(tools: BindingTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/bindings/:id/balance",
    command: "binding balance",
    callsGateway: true,
    summary: "What can be spent from the wallet now",
    answers: z.strictObject({ available: z.int(), at: momentField() }),
    roles: EVERYBODY,
    idempotency: "none",
    run: async ({ params }) => {
      const { available, at } = await readBalance(tools, bindingId(params));
      return { available, at: at.toISO() };
    },
  });
}

function unbind(tools: BindingTools): ApiRoute {
  return apiRoute({
    method: "DELETE",
    path: "/bindings/:id",
    command: "binding delete",
    dryRun: true,
    callsGateway: true,
    summary: "Unlink the wallet; its subscriptions wait for another",
    answers: bindingAnswer,
    roles: ["billing", "operator"],
    idempotency: "none",
    run: async ({ params, actor, dryRun }) => {
      const unbind = dryRun ? rehearseUnbinding : unbindWallet;
      const binding = await unbind(tools, bindingId(params), actor);
      return tools.db.begin(async (tx) => {
        const customers = await customersById(tx, [binding.customerId]);
        return show(binding, customers.get(binding.customerId)?.reference ?? null);
      });
    },
  });
}

function bindingId(params: Readonly<Record<string, string>>): BindingId {
  const id = params["id"] ?? "";
  if (!isUuid(id)) throw new NotFoundError(`there is no binding ${id}`);
  return id as BindingId;
}

function show(binding: Binding, customer: string | null): z.input<typeof bindingAnswer> {
  return {
    id: binding.id,
    customer,
    state: binding.state,
    redirect_url: binding.redirectUrl,
    reason: binding.reason,
    created_at: binding.createdAt.toISO(),
    expires_at: binding.expiresAt.toISO(),
    activated_at: binding.activatedAt?.toISO() ?? null,
    suspended_at: binding.suspendedAt?.toISO() ?? null,
    ended_at: binding.endedAt?.toISO() ?? null,
  };
}
