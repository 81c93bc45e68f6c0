import { CreateClockAndScheduler1796000000001 } from "../../migrations/1796000000001-create-clock-and-scheduler.ts";
import { CreateExceptions1796000000002 } from "../../migrations/1796000000002-create-exceptions.ts";
import { CreatePlans1796000000003 } from "../../migrations/1796000000003-create-plans.ts";
import { CreateCustomers1796000000004 } from "../../migrations/1796000000004-create-customers.ts";
import { CreateSubscriptions1796000000005 } from "../../migrations/1796000000005-create-subscriptions.ts";
import { CreateInvoices1796000000006 } from "../../migrations/1796000000006-create-invoices.ts";
import { CreateInbox1796000000007 } from "../../migrations/1796000000007-create-inbox.ts";
import { CreateGatewayTokens1796000000010 } from "../../migrations/1796000000010-create-gateway-tokens.ts";
import { CreateBreaker1796000000012 } from "../../migrations/1796000000012-create-breaker.ts";
import { LightenHotRows1796000000013 } from "../../migrations/1796000000013-lighten-hot-rows.ts";
import { CreateRefunds1796000000014 } from "../../migrations/1796000000014-create-refunds.ts";
import { LeaveRoomInPages1796000000015 } from "../../migrations/1796000000015-leave-room-in-pages.ts";
import { CompleteSubscriptions1796000000016 } from "../../migrations/1796000000016-complete-subscriptions.ts";
import { CreateManualPayments1796000000017 } from "../../migrations/1796000000017-create-manual-payments.ts";
import { CompletePlans1796000000018 } from "../../migrations/1796000000018-complete-plans.ts";
import { EraseCustomers1796000000020 } from "../../migrations/1796000000020-erase-customers.ts";
import { CutBilledPeriods1796000000021 } from "../../migrations/1796000000021-cut-billed-periods.ts";
import { CreateRuleChecks1796000000022 } from "../../migrations/1796000000022-create-rule-checks.ts";
import { DateSubscriptionChanges1796000000025 } from "../../migrations/1796000000025-date-subscription-changes.ts";
import { CreateDunningPolicies1796000000026 } from "../../migrations/1796000000026-create-dunning-policies.ts";

/** Every migration, in the order in which they are done. Listed by hand: nothing is found by accident. */
export const MIGRATIONS = [
  CreateClockAndScheduler1796000000001,
  CreateExceptions1796000000002,
  CreatePlans1796000000003,
  CreateCustomers1796000000004,
  CreateSubscriptions1796000000005,
  CreateInvoices1796000000006,
  CreateInbox1796000000007,
  CreateGatewayTokens1796000000010,
  CreateBreaker1796000000012,
  LightenHotRows1796000000013,
  CreateRefunds1796000000014,
  LeaveRoomInPages1796000000015,
  CompleteSubscriptions1796000000016,
  CreateManualPayments1796000000017,
  CompletePlans1796000000018,
  EraseCustomers1796000000020,
  CutBilledPeriods1796000000021,
  CreateRuleChecks1796000000022,
  DateSubscriptionChanges1796000000025,
  CreateDunningPolicies1796000000026,
] as const;
