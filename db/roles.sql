-- Two roles with the privileges that they need and no others. Run it as the owner of the application's tables, in the
-- application's database, after `npm run migrate`; it is safe to run again, and again after an update:
--
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f db/roles.sql
--
-- Then let them in, each with a password of its own: alter role auto_enroll_worker login password '…'
--
-- auto_enroll_worker     the worker (and the queue, where it is on Postgres): reads ids, adds enrollments. It can read no
--                        email, name or password hash, and can change or remove nothing of the application's.
-- auto_enroll_dashboard  the dashboard, verify, explain and audit: reads, with names and emails but without password
--                        hashes, and writes the audit log.

do $$
begin
  if not exists (select from pg_roles where rolname = 'auto_enroll_worker') then
    create role auto_enroll_worker;
  end if;
  if not exists (select from pg_roles where rolname = 'auto_enroll_dashboard') then
    create role auto_enroll_dashboard;
  end if;
exception when duplicate_object or unique_violation then null; -- made at the same moment in another database
end $$;

grant select (id) on "User" to auto_enroll_worker;
grant select (id, "isPublished") on "Course" to auto_enroll_worker;
grant select, insert on "Enrollment" to auto_enroll_worker;

grant select on "Course", "Enrollment" to auto_enroll_dashboard;

do $$
declare
  part record;
begin
  execute format('grant usage on schema %I to auto_enroll_worker, auto_enroll_dashboard',
    (select relnamespace::regnamespace::text from pg_class where oid = '"Enrollment"'::regclass));

  for part in select attname as name from pg_attribute where attrelid = '"User"'::regclass
    and attnum > 0 and not attisdropped and attname in ('id', 'email', 'name', 'createdAt')
  loop
    execute format('grant select (%I) on "User" to auto_enroll_dashboard', part.name);
  end loop;

  -- auto-enroll's own schema, which npm run migrate makes.
  if exists (select from pg_namespace where nspname = 'auto_enroll') then
    grant usage on schema auto_enroll to auto_enroll_worker, auto_enroll_dashboard;
  end if;
  if to_regclass('auto_enroll.audit') is not null then
    grant select, insert, update on auto_enroll.audit to auto_enroll_dashboard;
  end if;
  if to_regclass('auto_enroll.migration') is not null then
    grant select on auto_enroll.migration to auto_enroll_worker, auto_enroll_dashboard;
  end if;
  if to_regclass('auto_enroll.lease') is not null then
    grant select, insert, update on auto_enroll.lease to auto_enroll_worker;
  end if;
  if to_regclass('auto_enroll.pause') is not null then
    grant select on auto_enroll.pause to auto_enroll_worker;
    grant select, insert, update, delete on auto_enroll.pause to auto_enroll_dashboard;
  end if;

  -- Where the database numbers enrollments.
  for part in select pg_get_serial_sequence('"Enrollment"', attname) as sequence from pg_attribute
    where attrelid = '"Enrollment"'::regclass and attnum > 0 and not attisdropped
      and pg_get_serial_sequence('"Enrollment"', attname) is not null
  loop
    execute format('grant usage on sequence %s to auto_enroll_worker', part.sequence);
  end loop;

  -- Where the queue is on this Postgres.
  for part in select nspname as schema from pg_namespace where nspname = 'bullmq' or nspname like 'bullmq\_%'
  loop
    execute format('grant usage on schema %I to auto_enroll_worker, auto_enroll_dashboard', part.schema);
    execute format('grant select, insert, update, delete on all tables in schema %I to auto_enroll_worker, auto_enroll_dashboard', part.schema);
    execute format('grant usage, select on all sequences in schema %I to auto_enroll_worker, auto_enroll_dashboard', part.schema);
    execute format('grant execute on all functions in schema %I to auto_enroll_worker, auto_enroll_dashboard', part.schema);
  end loop;
end $$;
