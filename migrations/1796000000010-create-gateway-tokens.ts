import type { MigrationInterface, QueryRunner } from "typeorm";

/** Our own token for the gateway: one row for all processes, the token itself sealed. */
export class CreateGatewayTokens1796000000010 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table gateway_tokens (
        id          smallint primary key default 1,
        issuer      text not null,
        token       text not null,
        made_at     timestamptz not null,
        expires_at  timestamptz not null,
        constraint gateway_tokens_is_one_row check (id = 1),
        constraint gateway_tokens_live_after_they_are_made check (expires_at > made_at)
      );`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`drop table gateway_tokens`);
  }
}
