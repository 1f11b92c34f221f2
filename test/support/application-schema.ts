export type IdType =
  | 'text'
  | `varchar(${number})`
  | `char(${number})`
  | 'uuid'
  | 'bigserial'
  | 'identity'
  | 'key'

/** How an application's tables may differ from Prisma's defaults, which apply where nothing is given. */
export interface SchemaVariant {
  userId?: IdType
  courseId?: IdType
  enrollmentId?: IdType
  /** The status column's type, and a statement that creates the type. */
  status?: string
  types?: string
  timestamp?: 'timestamp(3)' | 'timestamptz'
  /** Whether "User" and "Enrollment" have `updatedAt`, NOT NULL and without a default, like Prisma's `@updatedAt`. */
  updatedAt?: boolean
  /** More columns of "Enrollment". */
  more?: string
  partitioned?: boolean
}

/** The DDL of an application's schema. */
export function applicationDdl({
  userId = 'text',
  courseId = 'text',
  enrollmentId = 'text',
  status = 'text',
  types = '',
  timestamp = 'timestamp(3)',
  updatedAt = false,
  more = '',
  partitioned = false,
}: SchemaVariant): string {
  const touched = updatedAt ? `"updatedAt" ${timestamp} not null,` : ''
  return `
    ${types};
    create table "User" (
      id ${definition(userId)} primary key, email text not null unique, name text not null,
      "passwordHash" text, image text, ${touched}
      "createdAt" ${timestamp} not null default current_timestamp, "lastLoginAt" ${timestamp}
    );
    create table "Course" (
      id ${definition(courseId)} primary key, title text not null, "isPublished" boolean not null default false
    );
    create table "Enrollment" (
      id ${definition(enrollmentId)} not null,
      "userId" ${reference(userId)} not null references "User" on update cascade on delete cascade,
      "courseId" ${reference(courseId)} not null references "Course" on update cascade on delete cascade,
      status ${status} not null, ${touched} ${more}
      "enrolledAt" ${timestamp} not null default current_timestamp,
      unique ("userId", "courseId") ${partitioned ? '' : ', primary key (id)'}
    ) ${partitioned ? 'partition by hash ("userId")' : ''};
    ${partitioned ? PARTITIONS : ''}`
}

const PARTITIONS = [0, 1, 2]
  .map((n) => `create table part_${n} partition of "Enrollment" for values with (modulus 3, remainder ${n});`)
  .join('\n')

/** `key` is a domain, which `types` must create. */
function definition(type: IdType): string {
  return type === 'identity' ? 'bigint generated always as identity' : type
}

function reference(type: IdType): string {
  return type === 'identity' || type === 'bigserial' ? 'bigint' : type
}

/** Whether the database generates ids of this type. */
export function fillsItself(type: IdType = 'text'): boolean {
  return type === 'identity' || type === 'bigserial'
}

/** The three names as updatable views over tables of other names, with uuid users and bigserial courses. */
export const VIEWS_DDL = `
  create table app_users (
    user_id uuid primary key default gen_random_uuid(), email_address varchar(320) not null unique,
    display_name text not null, password_digest text, avatar text,
    created_at timestamptz not null default now(), last_seen_at timestamptz
  );
  create table app_courses (course_id bigserial primary key, headline text not null, live boolean not null default false);
  create table app_enrollments (
    enrollment_id bigserial primary key,
    member uuid not null references app_users on delete cascade,
    course bigint not null references app_courses on delete cascade,
    state text not null, since timestamptz not null default now(),
    unique (member, course)
  );
  create view "User" as select user_id as id, email_address as email, display_name as name,
    password_digest as "passwordHash", avatar as image, created_at as "createdAt", last_seen_at as "lastLoginAt" from app_users;
  create view "Course" as select course_id as id, headline as title, live as "isPublished" from app_courses;
  create view "Enrollment" as select enrollment_id as id, member as "userId", course as "courseId", state as status,
    since as "enrolledAt" from app_enrollments;`
