// The loop that a merchant writes first: every second, find what is due, and charge it one after another.
import { LessThanOrEqual } from "typeorm";
import { charger } from "./charge.ts";
import { connect, naiveInvoice } from "./invoice.table.ts";
import { readSettings, sayReady } from "./settings.ts";

const settings = readSettings();
const invoices = (await connect(settings.databaseUrl)).getRepository(naiveInvoice);
const charge = await charger(settings, invoices);
let busy = false;

async function chargeDue(): Promise<void> {
  if (busy) return;
  busy = true;
  try {
    const due = await invoices.find({
      where: { status: "due", dueAt: LessThanOrEqual(new Date()) },
      order: { dueAt: "ASC", id: "ASC" },
    });
    for (const invoice of due) await charge(invoice);
  } finally {
    busy = false;
  }
}

setInterval(() => void chargeDue(), 1_000);
sayReady();
