/**
 * The migrations of the schema `auto_enroll` in order. Never edit a released one: append another, grant its tables in
 * `db/roles.sql`, and add them to `WORKER_PRIVILEGES` if the worker needs them.
 *
 * Version 0.1 created the audit log without recording a migration, so the first migration accepts an existing one.
 */
export const MIGRATIONS: Readonly<Record<string, readonly string[]>> = {
  '001-audit': [
    `create table if not exists auto_enroll.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  who text not null,
  "through" text not null,
  action text not null,
  target text,
  result text,
  succeeded boolean,
  finished_at timestamptz
)`,
    'create index if not exists audit_action_at on auto_enroll.audit (action, at desc)',
  ],
  '002-lease': [
    `create table auto_enroll.lease (
  name text primary key,
  holder text not null,
  held_until timestamptz not null,
  ended_at timestamptz
)`,
    `comment on table auto_enroll.lease is 'what one worker of the fleet does at a time, and until when it may'`,
  ],
  '003-pause': [
    `create table auto_enroll.pause (
  queue text primary key,
  who text not null,
  "through" text not null,
  since timestamptz not null default now()
)`,
    `comment on table auto_enroll.pause is 'queues that operators paused; outlives the queue''s own data'`,
  ],
  '004-email-proof': [
    `create table auto_enroll.email_proof (
  user_id text primary key,
  email_sha256 bytea not null,
  proven_at timestamptz not null default now()
)`,
    `comment on table auto_enroll.email_proof is
  'users who proved their email, where the application has no column for it; the hash is of their id and that email'`,
  ],
  '005-audit-progress': [
    `alter table auto_enroll.audit
  add column key uuid unique,
  add column progress text,
  add column seen_at timestamptz`,
    `comment on column auto_enroll.audit.seen_at is 'when the process that does it last wrote here'`,
  ],
}
