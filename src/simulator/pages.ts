import { formatRupiah } from "../kernel/money.ts";
import { type Fragment, html, joined } from "../platform/html.ts";
import { finishLink, LINK_RESULTS } from "./linking.ts";
import { resend } from "./notifier.ts";
import { finishPage, PAGE_ACTIONS } from "./payment.ts";
import { isoTime } from "./wire-time.ts";
import type { Link, Notification, Payment, RequestRecord, Wallet, World } from "./world.ts";

/** A page to show, or where the browser is sent instead. */
type Page = { readonly status: number; readonly body: string } | { readonly location: string };

/** How many of each the overview shows, newest first. */
const SHOWN = 50;
const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c1c28}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}
td.long{overflow-wrap:anywhere}button{font:inherit;padding:.4rem 1rem;margin-right:.5rem;cursor:pointer}
button.small{padding:0 .5rem}input{font:inherit;padding:.3rem}p.note{color:#555}`;

/** The pages people see: the overview, OTP and PIN, and the payment of a SALE. */
export async function showPage(world: World, method: string, path: string, body: string): Promise<Page> {
  const [room = "", id = "", verb = ""] = path.slice(1).split("/");
  const form = new URLSearchParams(body);
  if (method === "GET" && path === "/") return overview(world);
  if (method === "POST" && room === "notifications" && verb === "resend") {
    const notification = world.notifications.get(id);
    if (notification !== undefined) await resend(world, notification);
    return { location: "/" };
  }
  const page = world.pages.get(id);
  const link = page?.kind === "link" ? world.links.get(page.key) : undefined;
  if (room === "bind" && link !== undefined)
    return method === "POST" ? actOnLink(world, link, form) : linkPage(link);
  const payment = page?.kind === "payment" ? world.payments.get(page.key) : undefined;
  if (room === "pay" && payment !== undefined) {
    return method === "POST" ? actOnPayment(world, payment, form) : paymentPage(payment);
  }
  return { ...document("Not found", html`<p>There is no such page.</p>`), status: 404 };
}

function linkPage(link: Link): Page {
  if (link.state !== "pending") {
    return document("Link OVO", html`<p>This page is over: the link is ${link.state}.</p>`);
  }
  return document(
    "Link OVO",
    html`<p>Link the OVO wallet <strong>${link.phone}</strong> to customer ${link.customer}?</p>
<form method="post"><button name="action" value="success">OTP and PIN are right</button>
<button name="action" value="failed">They are wrong</button>
<button name="action" value="expired">Let it expire</button></form>
<p class="note">A simulated page: no OTP is sent and no PIN is asked.</p>`,
  );
}

function actOnLink(world: World, link: Link, form: URLSearchParams): Page {
  const result = LINK_RESULTS.find((known) => known === form.get("action"));
  if (result !== undefined) finishLink(world, link, result);
  const active = world.links.get(link.authCode)?.state === "active";
  return { location: active ? link.successUrl : link.failedUrl };
}

function paymentPage(payment: Payment): Page {
  if (payment.status !== "01") {
    return document("Pay with OVO", html`<p>This page is over: status ${payment.status}.</p>`);
  }
  const payer =
    payment.phone === null
      ? html`<p><label>OVO number <input name="phone" inputmode="numeric" placeholder="62…"></label></p>`
      : html`<p>from the wallet ${payment.phone}</p>`;
  return document(
    "Pay with OVO",
    html`<p>Pay <strong>${formatRupiah(payment.amount)}</strong> for ${payment.reference}?</p>
<form method="post">${payer}<button name="action" value="confirm">Confirm</button>
<button name="action" value="cancel">Cancel</button><button name="action" value="expire">Let it expire</button></form>`,
  );
}

function actOnPayment(world: World, payment: Payment, form: URLSearchParams): Page {
  const action = PAGE_ACTIONS.find((known) => known === form.get("action"));
  if (action === undefined) return paymentPage(payment);
  const finished = finishPage(world, payment, action, form.get("phone"));
  return { location: finished.status === "00" ? payment.successUrl : payment.failedUrl };
}

function overview(world: World): Page {
  const pages = [...world.links.values()].filter((link) => link.state === "pending").slice(-SHOWN);
  const sales = [...world.payments.values()].filter((payment) => payment.status === "01").slice(-SHOWN);
  return document(
    "OVO over DOKU SNAP, simulated",
    html`<p>Now ${isoTime(world.clock.now())}${world.clock.isTurned() ? " (turned)" : ""}.
${world.wallets.size} wallets, ${world.ledger.length} movements of money, ${world.requests.length} requests,
${world.notifications.size} notifications.</p>
${table("Open pages", ["For", "Page"], [...pages.map(linkRow), ...sales.map(saleRow)])}
${table("Wallets", ["Phone", "Balance", "Tier", "State"], newest([...world.wallets.values()]).map(walletRow))}
${table("Requests", ["At", "Path", "Reference", "Answer"], newest(world.requests).map(requestRow))}
${table(
  "Notifications",
  ["At", "Kind", "Reference", "Status", "Merchant said", ""],
  newest([...world.notifications.values()]).map(notificationRow),
)}`,
  );
}

function newest<T>(all: readonly T[]): T[] {
  return all.slice(-SHOWN).reverse();
}

function linkRow(link: Link): Fragment {
  return html`<tr><td>link ${link.phone}</td><td class="long"><a href="/bind/${link.pageId}">${link.pageId}</a></td></tr>`;
}

function saleRow(payment: Payment): Fragment {
  const pageId = payment.pageId ?? "";
  return html`<tr><td>pay ${payment.reference}</td><td class="long"><a href="/pay/${pageId}">${pageId}</a></td></tr>`;
}

function walletRow(wallet: Wallet): Fragment {
  const state = wallet.closed ? "closed" : wallet.blocked ? "blocked" : "open";
  return html`<tr><td>${wallet.phone}</td><td>${formatRupiah(wallet.balance)}</td><td>${wallet.tier}</td>
<td>${state}</td></tr>`;
}

function requestRow(request: RequestRecord): Fragment {
  const answer = `${request.code ?? "none"}${request.sent === "as-made" ? "" : ` (${request.sent})`}`;
  return html`<tr><td>${isoTime(request.at)}</td><td>${request.path}</td><td>${request.reference ?? ""}</td>
<td>${answer}</td></tr>`;
}

function notificationRow(notification: Notification): Fragment {
  const last = notification.attempts.at(-1);
  const said = last === undefined ? "" : `${last.httpStatus ?? "nothing"} (${notification.attempts.length}×)`;
  return html`<tr><td>${isoTime(notification.createdAt)}</td><td>${notification.kind}</td>
<td class="long">${notification.reference}</td><td>${notification.status}</td>
<td>${notification.state}: ${said}</td><td><form method="post" action="/notifications/${notification.id}/resend">
<button class="small">Resend</button></form></td></tr>`;
}

function table(title: string, heads: readonly string[], rows: readonly Fragment[]): Fragment {
  if (rows.length === 0) return html``;
  return html`<h2>${title}</h2><table><thead><tr>${joined(heads.map((head) => html`<th>${head}</th>`))}</tr></thead>
<tbody>${joined(rows)}</tbody></table>`;
}

function document(title: string, content: Fragment) {
  const page = html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,"><style>${{ markup: STYLE }}</style></head>
<body><h1>${title}</h1>${content}</body></html>`;
  return { status: 200, body: page.markup };
}
