import type { MigrationInterface, QueryRunner } from "typeorm";

/** Who pays, and the consents of wallet owners. Phone, authorisation and tokens are sealed text. */
export class CreateCustomers1796000000004 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table customers (
        id           uuid primary key,
        reference    text not null,
        name         text not null,
        phone        text not null,
        phone_index  text not null,
        email        text,
        created_at   timestamptz not null,
        constraint customers_reference_unique unique (reference),
        constraint customers_reference_fits_the_wire check (char_length(reference) between 1 and 64)
      );

      create table bindings (
        id                         uuid primary key,
        customer_id                uuid not null references customers,
        phone_index                text not null,
        state                      text not null,
        external_id                text not null,
        auth_code                  text,
        auth_code_index            text,
        redirect_url               text,
        success_url                text not null,
        failed_url                 text not null,
        gateway_reference          text,
        customer_token             text,
        customer_token_at          timestamptz,
        customer_token_expires_at  timestamptz,
        refresh_token              text,
        refresh_expires_at         timestamptz,
        exchange_leased_until      timestamptz,
        reason                     text,
        created_at                 timestamptz not null,
        expires_at                 timestamptz not null,
        activated_at               timestamptz,
        suspended_at               timestamptz,
        ended_at                   timestamptz,
        constraint bindings_state_known
          check (state in ('pending', 'active', 'suspended', 'revoked', 'failed', 'expired')),
        constraint bindings_external_id_unique unique (external_id),
        constraint bindings_live_has_authorisation
          check (state not in ('active', 'suspended') or auth_code is not null),
        constraint bindings_ended_says_why
          check (state not in ('revoked', 'failed', 'expired') or (reason is not null and ended_at is not null))
      ) with (fillfactor = 80);
      create unique index bindings_one_live_per_customer on bindings (customer_id)
        where state in ('active', 'suspended');
      create unique index bindings_one_live_per_phone on bindings (phone_index)
        where state in ('active', 'suspended');
      create index bindings_of_customer on bindings (customer_id, created_at);
      create index bindings_by_auth_code on bindings (auth_code_index) where auth_code_index is not null;
      create index bindings_pending on bindings (expires_at) where state = 'pending';
      create index bindings_suspended on bindings (suspended_at) where state = 'suspended';`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`drop table bindings, customers`);
  }
}
