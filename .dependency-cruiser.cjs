// Rooms and floors of docs/architecture.md. `test/tidy.test.ts` plants a violation of every rule and sees it fire.

/** From the ground up: a room imports from rooms before it, never from one behind it. */
const ROOMS = [
  "kernel",
  "platform",
  "gateway",
  "exceptions",
  "plans",
  "customers",
  "subscriptions",
  "dunning",
  "invoices",
  "refunds",
  "notifications",
  "reconciliation",
  "events",
  "reports",
  "invariants",
  "scheduler",
  "simulation",
  "console",
  "app",
];
const DOMAIN = `^src/(${ROOMS.slice(2, -1).join("|")})/`;
/** Packages through which a file reaches the world outside. */
const OUTSIDE = "node_modules/(typeorm|pg|axios|undici|bullmq|ioredis|fastify)/";
/** Files without a suffix: `dunning.ts`, not `invoice.store.ts`. The SNAP client is a door, and has its own rule. */
const PURE = { path: `${DOMAIN}[^.]*\\.ts$`, pathNot: "^src/gateway/snap/" };

const roomsGoDown = ROOMS.slice(0, -1).map((room, index) => ({
  name: `rooms-go-down-from-${room}`,
  severity: "error",
  comment: "Leave a fact in a row for the upper room, or be given a function by it.",
  from: { path: `^src/${room}/` },
  to: { path: `^src/(${ROOMS.slice(index + 1).join("|")})/` },
}));

const forbidden = [
  ...roomsGoDown,
  {
    name: "kernel-is-pure",
    comment: "Words everybody speaks: of packages only luxon, to tell time.",
    from: { path: "^src/kernel/" },
    to: { pathNot: ["^src/kernel/", "node_modules/(luxon|@types/luxon)/"] },
  },
  {
    name: "simulator-stands-outside",
    comment: "It is the other company: what it shared with us could not prove us wrong.",
    from: { path: "^src/simulator/" },
    to: { path: "^src/", pathNot: "^src/(simulator|kernel|platform)/" },
  },
  {
    name: "nobody-needs-the-simulator",
    from: { path: "^(src|migrations)/", pathNot: "^src/(simulator|simulation|app)/" },
    to: { path: "^src/simulator/" },
  },
  {
    name: "snap-is-spoken-in-one-place",
    comment: "gateway.ts is all that the house knows of a gateway; only who takes its calls reads its messages.",
    from: { path: "^src/", pathNot: ["^src/gateway/snap/", "^src/(app|simulation)/", "^src/notifications/(receive|handle)\\."] },
    to: { path: "^src/gateway/snap/" },
  },
  {
    name: "decisions-touch-nothing",
    comment: "A file without a suffix: values in, values out. Effects go into .flow.ts and .store.ts.",
    from: PURE,
    to: { path: OUTSIDE },
  },
  {
    name: "decisions-call-no-effects",
    comment: "Files called …-tools.ts only declare what flows are given.",
    from: { path: PURE.path, pathNot: [PURE.pathNot, "-tools\\.ts$"] },
    to: { path: "^src/.+\\.(flow|job|routes|page)\\.ts$" },
  },
  {
    name: "stores-only-speak-sql",
    comment: "A store is given its transaction; it starts nothing.",
    from: { path: "^src/.+\\.store\\.ts$" },
    to: { path: "^src/.+\\.(flow|job|routes|page)\\.ts$|node_modules/(axios|undici|bullmq|ioredis|fastify)/" },
  },
  {
    name: "foreign-stores-are-for-flows",
    comment: "Another room's rows are read by a use case, not by a door or a decision.",
    from: { path: "^src/([^/]+)/", pathNot: ["\\.(flow|store)\\.ts$", "^src/app/"] },
    to: {
      path: "^src/[^/]+/.+\\.store\\.ts$",
      pathNot: "^src/$1/",
    },
  },
  {
    name: "jobs-call-one-flow",
    comment: "A bell's handler parses ids and calls a flow.",
    from: { path: "\\.job\\.ts$" },
    to: { path: "\\.store\\.ts$" },
  },
  {
    name: "migrations-stand-alone",
    comment: "A merged migration must not change its meaning when our code does.",
    from: { path: "^migrations/" },
    to: { path: "^src/" },
  },
  {
    name: "product-needs-no-tests",
    from: { path: "^(src|migrations)/" },
    to: { path: "^(test|bench)/" },
  },
  {
    name: "no-tools-in-the-product",
    comment: "Not there after npm install --omit=dev.",
    from: { path: "^(src|migrations)/" },
    to: { dependencyTypes: ["npm-dev"], pathNot: "node_modules/@types/" },
  },
  { name: "no-cycles", from: {}, to: { circular: true } },
  { name: "everything-resolves", from: {}, to: { couldNotResolve: true } },
].map((rule) => ({ severity: "error", ...rule }));

module.exports = {
  forbidden,
  options: {
    // TypeScript 7 has no JavaScript interface: with the default parser nothing is read, and everything passes.
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
