import type { TestDatabase } from './servers.js'

/** Everything that the catalogs say about the tables in a schema, one line each, in a fixed order. */
export async function catalogOf(database: TestDatabase, schema = 'public'): Promise<string[]> {
  const rows = await database.sql<{ line: string }>(
    `with relations as (
       select c.* from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1
     )
     select format('column %s %s.%s %s%s%s', attnum, relname, attname, format_type(atttypid, atttypmod),
       case when attnotnull then ' not null' end, ' default ' || pg_get_expr(adbin, adrelid)) as line
     from relations r join pg_attribute a on a.attrelid = r.oid and attnum > 0 and not attisdropped and relkind in ('r', 'v')
     left join pg_attrdef d on d.adrelid = r.oid and d.adnum = attnum
     union all
     select format('constraint %s on %s: %s', conname, relname, pg_get_constraintdef(k.oid))
     from relations r join pg_constraint k on k.conrelid = r.oid and contype <> 'n'
     union all
     select format('index %s', pg_get_indexdef(r.oid)) from relations r where relkind = 'i'
     union all
     select format('trigger %s', pg_get_triggerdef(t.oid)) from relations r join pg_trigger t on t.tgrelid = r.oid
     where not tgisinternal
     union all
     select format('%s %s owned by %s', relkind, relname, pg_get_userbyid(relowner)) from relations
     order by 1`,
    [schema],
  )
  return rows.map(({ line }) => line)
}

/** The rows of the three tables with their version and position, so that a rewritten row differs too. */
export async function rowsOf(database: TestDatabase): Promise<unknown[]> {
  return database.sql(
    `select 'User' as "table", id::text, xmin::text, ctid::text from "User"
     union all select 'Course', id::text, xmin::text, ctid::text from "Course"
     union all select 'Enrollment', id::text, xmin::text, ctid::text from "Enrollment" order by 1, 2`,
  )
}
