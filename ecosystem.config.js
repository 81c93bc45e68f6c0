// For PM2, which is a tool and not a dependency: npx pm2@7 start ecosystem.config.js
// Run `node bin/tagih.mjs migrate` before the first start and after each update. Variables come from the
// environment that PM2 is started in. PM2 reads an ESM file only through a named `apps`.

const shared = {
  script: "bin/tagih.mjs",
  exec_mode: "fork",
  env: { NODE_ENV: "production" },
  // The process says when it is ready; when told to stop it finishes what is on the wire.
  wait_ready: true,
  listen_timeout: 30_000,
  kill_timeout: 40_000,
  exp_backoff_restart_delay: 200,
};

/** The server and the workers; any number of either may run. */
export const apps = [
  { ...shared, name: "tagih-server", args: "serve", instances: 1 },
  {
    ...shared,
    name: "tagih-worker",
    args: "worker",
    instances: 2,
    node_args: "--max-old-space-size=384 --max-semi-space-size=64",
  },
];
