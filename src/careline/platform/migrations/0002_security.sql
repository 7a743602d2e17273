-- People, sign-in, tokens, tenant keys and the audit log.

-- People ------------------------------------------------------------------------------------------------------------

CREATE TABLE person (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  email text NOT NULL CHECK (email = lower(email) AND email LIKE '_%@_%'),
  name text NOT NULL CHECK (name <> ''),
  language text NOT NULL DEFAULT 'en',
  -- argon2id in its own encoding; NULL: no password yet, so nobody can sign in.
  password_hash text,
  password_changed_at timestamptz,
  -- Set with a password somebody else chose: the person picks a new one at the next sign-in.
  password_must_change boolean NOT NULL DEFAULT false,
  -- The seed of the authenticator app, encrypted with the tenant's key.
  totp_secret bytea,
  totp_confirmed_at timestamptz,
  -- The last time step accepted: a code works once.
  totp_last_step bigint,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  deactivated_at timestamptz,
  UNIQUE (tenant_id, id)
);
SELECT careline_tenant_table('person');

CREATE TABLE person_role (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  person_id uuid NOT NULL,
  role text NOT NULL,
  PRIMARY KEY (person_id, role),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
SELECT careline_tenant_table('person_role');

-- An e-mail address belongs to one person of the installation: it alone says which tenant one signs in to.
CREATE UNIQUE INDEX person_email ON person (email);
CREATE FUNCTION careline_find_person(wanted text) RETURNS TABLE (tenant_id integer, person_id uuid)
LANGUAGE sql STABLE AS $$
  SELECT p.tenant_id, p.id FROM person p WHERE p.email = wanted
$$;
SELECT careline_lookup('careline_find_person(text)', 'person');

CREATE TABLE recovery_code (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  person_id uuid NOT NULL,
  code_hash bytea NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (person_id, code_hash),
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
SELECT careline_tenant_table('recovery_code');

-- Sessions and tokens -----------------------------------------------------------------------------------------------

CREATE TABLE session (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  person_id uuid NOT NULL,
  -- SHA-256 of the cookie's secret; the secret itself is nowhere.
  token_hash bytea NOT NULL UNIQUE,
  -- What is still owed before the session is whole: 'totp', 'new-password', 'enrol', or nothing: 'full'.
  stage text NOT NULL CHECK (stage IN ('totp', 'new-password', 'enrol', 'full')),
  created_at timestamptz NOT NULL,
  -- The person's last own act; the live socket does not count.
  active_at timestamptz NOT NULL,
  locked_at timestamptz,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoked_why text,
  ip text,
  user_agent text,
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id)
);
CREATE INDEX session_open ON session (person_id) WHERE revoked_at IS NULL;
SELECT careline_tenant_table('session');

CREATE TABLE api_token (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- The token acts for this person: it loses what the person loses.
  person_id uuid NOT NULL,
  name text NOT NULL CHECK (name <> ''),
  token_hash bytea NOT NULL UNIQUE,
  -- The last characters, to recognise it in a list.
  hint text NOT NULL,
  scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
  created_at timestamptz NOT NULL,
  created_by uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  revoked_at timestamptz,
  FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id),
  FOREIGN KEY (tenant_id, created_by) REFERENCES person (tenant_id, id)
);
SELECT careline_tenant_table('api_token');

-- Failures by account, by address and by both, counted before a tenant is known (keys are hashes or addresses).
CREATE TABLE sign_in_throttle (
  key text PRIMARY KEY,
  failures integer NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  blocked_until timestamptz
);
CREATE INDEX sign_in_throttle_age ON sign_in_throttle (last_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_throttle TO careline_app;

CREATE TABLE idempotency_key (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- The person or token that used the key.
  owner text NOT NULL,
  key text NOT NULL,
  request_hash bytea NOT NULL,
  -- NULL while the first request is still at work.
  status integer,
  content_type text,
  body bytea,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, owner, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);
SELECT careline_tenant_table('idempotency_key');

-- Tenant keys -------------------------------------------------------------------------------------------------------

CREATE TABLE tenant_key (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  version integer NOT NULL,
  -- Which master key wraps it, and the AES-256-GCM wrapping (nonce, ciphertext, tag).
  master text NOT NULL,
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, version)
);
SELECT careline_tenant_table('tenant_key', 'SELECT, INSERT, UPDATE');

-- The audit log -----------------------------------------------------------------------------------------------------

CREATE TABLE audit_log (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  actor_kind text NOT NULL,
  person_id uuid,
  actor_name text NOT NULL,
  session_id uuid,
  ip text,
  action text NOT NULL,
  object_type text NOT NULL,
  object_id text,
  patient_id uuid,
  contact_id uuid,
  fields text[] NOT NULL,
  purpose text NOT NULL,
  outcome text NOT NULL,
  detail jsonb NOT NULL,
  prev bytea NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (tenant_id, seq)
);
CREATE INDEX audit_log_patient ON audit_log (tenant_id, patient_id, seq DESC) WHERE patient_id IS NOT NULL;
CREATE INDEX audit_log_person ON audit_log (tenant_id, person_id, seq DESC);
CREATE INDEX audit_log_at ON audit_log (tenant_id, at);
SELECT careline_tenant_table('audit_log', 'SELECT, INSERT');

-- The newest row of each tenant's chain. Only the trigger writes it.
CREATE TABLE audit_head (
  tenant_id integer PRIMARY KEY REFERENCES tenant (id),
  seq bigint NOT NULL,
  hash bytea NOT NULL
);
SELECT careline_tenant_table('audit_head', 'SELECT');

-- What is hashed. Every part is independent of session settings: the time is microseconds since 1970, not text.
CREATE FUNCTION careline_audit_hash(row_ audit_log) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT sha256(row_.prev || convert_to(jsonb_build_array(
    row_.tenant_id, row_.seq, (extract(epoch FROM row_.at) * 1000000)::bigint, row_.actor_kind, row_.person_id,
    row_.actor_name, row_.session_id, row_.ip, row_.action, row_.object_type, row_.object_id, row_.patient_id,
    row_.contact_id, to_jsonb(row_.fields), row_.purpose, row_.outcome, row_.detail)::text, 'UTF8'))
$$;

CREATE FUNCTION careline_audit_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  -- Locks the tenant's head row until commit: the chain has one order.
  INSERT INTO audit_head AS h (tenant_id, seq, hash) VALUES (NEW.tenant_id, 1, '\x')
  ON CONFLICT (tenant_id) DO UPDATE SET seq = h.seq + 1
  RETURNING h.seq, h.hash INTO NEW.seq, NEW.prev;
  NEW.at := clock_timestamp();
  NEW.hash := careline_audit_hash(NEW);
  UPDATE audit_head SET hash = NEW.hash WHERE tenant_id = NEW.tenant_id;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_chain BEFORE INSERT ON audit_log
FOR EACH ROW EXECUTE FUNCTION careline_audit_chain();

CREATE FUNCTION careline_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_log
FOR EACH ROW EXECUTE FUNCTION careline_audit_refuse();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION careline_audit_refuse();
