-- Flows: what callers meet, as versions of a text; which version calls get, by share; and the tables flows look into.

CREATE TABLE flow (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_by uuid,
  -- Put away: no line may choose it any more. Calls in progress finish on it.
  archived_at timestamptz,
  UNIQUE (tenant_id, name),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, created_by) REFERENCES person (tenant_id, id)
);
SELECT careline_tenant_table('flow');

CREATE TABLE flow_version (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  flow_id uuid NOT NULL,
  number integer NOT NULL,
  -- draft: being written. validated: no problems, tests green, not changed since. published: calls have had it.
  -- retired: no call gets it any more.
  state text NOT NULL CHECK (state IN ('draft', 'validated', 'published', 'retired')),
  -- As its author wrote it, with comments.
  text text NOT NULL,
  -- What calls run: the same with ids instead of names. Null until it is published; never changed afterwards.
  -- json and not jsonb: the order of choices and of values that are set counts.
  body json,
  -- Counts saves of a draft: an editor that saves on top of somebody else's change is refused.
  revision integer NOT NULL DEFAULT 1,
  author uuid,
  note text NOT NULL DEFAULT '',
  made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  published_at timestamptz,
  published_by uuid,
  UNIQUE (flow_id, number),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES flow (tenant_id, id),
  FOREIGN KEY (tenant_id, author) REFERENCES person (tenant_id, id),
  FOREIGN KEY (tenant_id, published_by) REFERENCES person (tenant_id, id)
);
CREATE UNIQUE INDEX flow_version_one_draft ON flow_version (flow_id) WHERE state IN ('draft', 'validated');
SELECT careline_tenant_table('flow_version');

-- Which versions calls get from a moment on, and how many of a hundred calls each. Only appended: going back is one more.
CREATE TABLE flow_release (
  flow_id uuid NOT NULL,
  number integer NOT NULL,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- [{"version_id": "…", "number": 4, "share": 10}, …], together 100; the one being tried first.
  shares jsonb NOT NULL,
  valid_from timestamptz NOT NULL,
  made_by uuid,
  note text NOT NULL DEFAULT '',
  PRIMARY KEY (flow_id, number),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES flow (tenant_id, id),
  FOREIGN KEY (tenant_id, made_by) REFERENCES person (tenant_id, id)
);
SELECT careline_tenant_table('flow_release', 'SELECT, INSERT');

CREATE TABLE flow_table (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- The name flows use.
  name text NOT NULL,
  UNIQUE (tenant_id, name),
  UNIQUE (tenant_id, id)
);
SELECT careline_tenant_table('flow_table');

-- The whole content of a table from a moment on. Never overwritten: what a call saw can be told later.
CREATE TABLE flow_table_version (
  table_id uuid NOT NULL,
  version integer NOT NULL,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  valid_from timestamptz NOT NULL,
  -- [{"name": "prefix", "type": "text"}, …]; the first column is the key.
  columns jsonb NOT NULL,
  -- [["ABC", true], …]
  rows jsonb NOT NULL,
  made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  made_by uuid,
  note text NOT NULL DEFAULT '',
  PRIMARY KEY (table_id, version),
  FOREIGN KEY (tenant_id, table_id) REFERENCES flow_table (tenant_id, id),
  FOREIGN KEY (tenant_id, made_by) REFERENCES person (tenant_id, id)
);
SELECT careline_tenant_table('flow_table_version', 'SELECT, INSERT');
