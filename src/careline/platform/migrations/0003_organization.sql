-- The organisation: account (practice) -> location -> department, its providers, its lines, and when they are open.

CREATE TABLE account (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  name text NOT NULL,
  active boolean NOT NULL DEFAULT true,
  UNIQUE (tenant_id, name),
  UNIQUE (tenant_id, id)
);
SELECT careline_tenant_table('account');

CREATE TABLE location (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  account_id uuid NOT NULL,
  name text NOT NULL,
  street text NOT NULL DEFAULT '',
  city text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT '',
  postal_code text NOT NULL DEFAULT '',
  -- IANA zone: what local time means here.
  zone text NOT NULL,
  phone text,
  active boolean NOT NULL DEFAULT true,
  UNIQUE (tenant_id, name),
  FOREIGN KEY (tenant_id, account_id) REFERENCES account (tenant_id, id),
  UNIQUE (tenant_id, id)
);
CREATE INDEX location_account ON location (account_id);
SELECT careline_tenant_table('location');

CREATE TABLE department (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  location_id uuid NOT NULL,
  name text NOT NULL,
  specialty text NOT NULL DEFAULT '',
  active boolean NOT NULL DEFAULT true,
  UNIQUE (tenant_id, name),
  FOREIGN KEY (tenant_id, location_id) REFERENCES location (tenant_id, id),
  UNIQUE (tenant_id, id)
);
CREATE INDEX department_location ON department (location_id);
SELECT careline_tenant_table('department');

-- Who works the inbox of a department.
CREATE TABLE department_member (
  department_id uuid NOT NULL,
  person_id uuid NOT NULL,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  PRIMARY KEY (department_id, person_id),
  FOREIGN KEY (tenant_id, department_id) REFERENCES department (tenant_id, id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
CREATE INDEX department_member_person ON department_member (person_id);
SELECT careline_tenant_table('department_member');

CREATE TABLE provider (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  department_id uuid NOT NULL,
  -- The person who signs in as this provider, when there is one.
  person_id uuid,
  -- As staff and callers say it: "Dr. Ana Osei".
  name text NOT NULL,
  credential text NOT NULL DEFAULT '',
  specialty text NOT NULL DEFAULT '',
  npi text,
  languages text[] NOT NULL DEFAULT '{en}',
  accepts_new boolean NOT NULL DEFAULT true,
  active boolean NOT NULL DEFAULT true,
  FOREIGN KEY (tenant_id, department_id) REFERENCES department (tenant_id, id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id),
  UNIQUE (tenant_id, id)
);
CREATE INDEX provider_department ON provider (department_id);
CREATE INDEX provider_person ON provider (person_id);
SELECT careline_tenant_table('provider');

-- Named opening hours. The rules themselves are effective-dated versions; nothing is ever overwritten.
CREATE TABLE opening_hours (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  name text NOT NULL,
  UNIQUE (tenant_id, name),
  UNIQUE (tenant_id, id)
);
SELECT careline_tenant_table('opening_hours');

CREATE TABLE opening_hours_version (
  hours_id uuid NOT NULL,
  version integer NOT NULL,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  valid_from timestamptz NOT NULL,
  -- {"zone", "weekly": {"mon": [["08:00","17:00"]]}, "exceptions": [{"day","label","open"}]}: wall time, expanded late.
  body jsonb NOT NULL,
  made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  made_by uuid,
  note text NOT NULL DEFAULT '',
  PRIMARY KEY (hours_id, version),
  FOREIGN KEY (tenant_id, hours_id) REFERENCES opening_hours (tenant_id, id),
  FOREIGN KEY (tenant_id, made_by) REFERENCES person (tenant_id, id)
);
SELECT careline_tenant_table('opening_hours_version');

-- A telephone number the public dials. The number is unique in the installation: it tells the tenant.
CREATE TABLE line (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  account_id uuid NOT NULL,
  location_id uuid NOT NULL,
  number text NOT NULL UNIQUE CHECK (number ~ '^\+[1-9][0-9]{3,14}$'),
  label text NOT NULL,
  active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (tenant_id, account_id) REFERENCES account (tenant_id, id),
  FOREIGN KEY (tenant_id, location_id) REFERENCES location (tenant_id, id),
  UNIQUE (tenant_id, id)
);
CREATE INDEX line_account ON line (account_id);
CREATE INDEX line_location ON line (location_id);
SELECT careline_tenant_table('line');

CREATE TABLE line_config (
  line_id uuid NOT NULL,
  version integer NOT NULL,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  valid_from timestamptz NOT NULL,
  -- Languages, hours, greeting, menu, queues, recording: see careline.organization.model.LineConfig.
  body jsonb NOT NULL,
  made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  made_by uuid,
  note text NOT NULL DEFAULT '',
  PRIMARY KEY (line_id, version),
  FOREIGN KEY (tenant_id, line_id) REFERENCES line (tenant_id, id),
  FOREIGN KEY (tenant_id, made_by) REFERENCES person (tenant_id, id)
);
SELECT careline_tenant_table('line_config');

-- The emergency-closure switch: one open row closes its scope until it is lifted or runs out.
CREATE TABLE closure (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- Both null: the whole tenant.
  location_id uuid,
  line_id uuid,
  reason text NOT NULL,
  closed_at timestamptz NOT NULL,
  closed_by uuid,
  until timestamptz,
  lifted_at timestamptz,
  lifted_by uuid,
  CHECK (location_id IS NULL OR line_id IS NULL),
  FOREIGN KEY (tenant_id, location_id) REFERENCES location (tenant_id, id),
  FOREIGN KEY (tenant_id, line_id) REFERENCES line (tenant_id, id),
  FOREIGN KEY (tenant_id, closed_by) REFERENCES person (tenant_id, id),
  FOREIGN KEY (tenant_id, lifted_by) REFERENCES person (tenant_id, id)
);
CREATE INDEX closure_open ON closure (tenant_id) WHERE lifted_at IS NULL;
SELECT careline_tenant_table('closure');

-- What agents tell callers about the practice: effective-dated, with an owner and the day it was last confirmed.
CREATE TABLE practice_info (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  account_id uuid NOT NULL,
  location_id uuid,
  topic text NOT NULL,
  body text NOT NULL,
  owner text NOT NULL DEFAULT '',
  last_confirmed date NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_until timestamptz,
  FOREIGN KEY (tenant_id, account_id) REFERENCES account (tenant_id, id),
  FOREIGN KEY (tenant_id, location_id) REFERENCES location (tenant_id, id)
);
CREATE INDEX practice_info_account ON practice_info (account_id);
SELECT careline_tenant_table('practice_info');

-- A call arrives before its tenant is known: this one function looks a number up in every tenant.
CREATE FUNCTION careline_find_line(dialled text) RETURNS TABLE (tenant_id integer, line_id uuid)
LANGUAGE sql STABLE AS $$
  SELECT l.tenant_id, l.id FROM line l WHERE l.number = dialled AND l.active
$$;
SELECT careline_lookup('careline_find_line(text)', 'line');
