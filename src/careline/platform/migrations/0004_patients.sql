-- Patients: who they are, how they are reached, who may speak for them, and what a caller has proved on this contact.

CREATE TABLE patient (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  mrn text NOT NULL,
  -- As it is compared: capitals and digits only, however people read it out.
  mrn_code text NOT NULL GENERATED ALWAYS AS (upper(regexp_replace(mrn, '[^0-9A-Za-z]', '', 'g'))) STORED,
  family text NOT NULL,
  given text NOT NULL,
  middle text NOT NULL DEFAULT '',
  suffix text NOT NULL DEFAULT '',
  preferred text NOT NULL DEFAULT '',
  former_family text NOT NULL DEFAULT '',
  pronouns text NOT NULL DEFAULT '',
  birth_date date NOT NULL,
  sex text NOT NULL DEFAULT 'unknown' CHECK (sex IN ('female', 'male', 'other', 'unknown')),
  language text NOT NULL DEFAULT 'en',
  interpreter boolean NOT NULL DEFAULT false,
  zone text NOT NULL,
  street text NOT NULL DEFAULT '',
  city text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT '',
  postal_code text NOT NULL DEFAULT '',
  email text NOT NULL DEFAULT '',
  -- People who live together share one; twins are found by it.
  household_id uuid,
  primary_provider_id uuid,
  deceased_on date,
  vip boolean NOT NULL DEFAULT false,
  -- Asked for confidential communication (45 CFR 164.522(b)).
  confidential boolean NOT NULL DEFAULT false,
  -- Set when this record was merged into another (HL7 ADT A40): the other one is the living record.
  merged_into uuid,
  -- Derived by patients.names from all names when the row is written: "=word", its sounds, "^beginning".
  name_keys text[] NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, mrn),
  FOREIGN KEY (tenant_id, primary_provider_id) REFERENCES provider (tenant_id, id),
  FOREIGN KEY (tenant_id, merged_into) REFERENCES patient (tenant_id, id),
  UNIQUE (tenant_id, id)
);
CREATE INDEX patient_mrn_code ON patient (tenant_id, mrn_code);
CREATE INDEX patient_birth_date ON patient (tenant_id, birth_date);
CREATE INDEX patient_household ON patient (household_id);
SELECT careline_tenant_table('patient');

-- The same keys one a row. Row-level security bars the operators of array and text-similarity indexes (they could leak);
-- plain equality it lets use an index, so that a name is found quickly among millions.
CREATE TABLE patient_name_key (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  key text NOT NULL,
  patient_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, key, patient_id)
);
CREATE INDEX patient_name_key_patient ON patient_name_key (patient_id);
SELECT careline_tenant_table('patient_name_key');

CREATE FUNCTION careline_patient_name_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    DELETE FROM patient_name_key WHERE patient_id = OLD.id;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO patient_name_key (tenant_id, key, patient_id)
    SELECT NEW.tenant_id, k, NEW.id FROM unnest(NEW.name_keys) k ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER patient_name_keys AFTER INSERT OR DELETE OR UPDATE OF name_keys ON patient
FOR EACH ROW EXECUTE FUNCTION careline_patient_name_keys();

CREATE TABLE patient_phone (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  patient_id uuid NOT NULL,
  number text NOT NULL CHECK (number ~ '^\+[1-9][0-9]{3,14}$'),
  use text NOT NULL CHECK (use IN ('mobile', 'home', 'work', 'facility')),
  position integer NOT NULL DEFAULT 0,
  voicemail_ok boolean NOT NULL DEFAULT false,
  -- A number changed lately is a poor proof of identity.
  changed_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (patient_id, number),
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patient (tenant_id, id)
);
CREATE INDEX patient_phone_number ON patient_phone (tenant_id, number);
SELECT careline_tenant_table('patient_phone');

CREATE TABLE patient_alert (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  patient_id uuid NOT NULL,
  -- similar-name, safety, hearing, custody, balance-hold, other
  kind text NOT NULL,
  body text NOT NULL,
  since date NOT NULL,
  until date,
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patient (tenant_id, id)
);
CREATE INDEX patient_alert_patient ON patient_alert (patient_id);
SELECT careline_tenant_table('patient_alert');

-- Who may act for a patient, in what, on what basis, and until when.
CREATE TABLE proxy_grant (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  patient_id uuid NOT NULL,
  holder_name text NOT NULL,
  -- The holder's own record, when the holder is a patient here too.
  holder_patient_id uuid,
  holder_phone text,
  -- parent, guardian, health-care-agent, personal-rep, caregiver-with-authorization, spouse/family
  role text NOT NULL,
  -- schedule, billing, clinical, results, sensitive
  scope text[] NOT NULL,
  basis text NOT NULL,
  note text NOT NULL DEFAULT '',
  valid_from date NOT NULL,
  valid_until date,
  -- The day the grant ends by the patient's age (a parent's, at majority).
  age_out date,
  revoked_at timestamptz,
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patient (tenant_id, id),
  FOREIGN KEY (tenant_id, holder_patient_id) REFERENCES patient (tenant_id, id),
  UNIQUE (tenant_id, id)
);
CREATE INDEX proxy_grant_patient ON proxy_grant (patient_id);
CREATE INDEX proxy_grant_phone ON proxy_grant (tenant_id, holder_phone);
SELECT careline_tenant_table('proxy_grant');

CREATE TABLE coverage (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  patient_id uuid NOT NULL,
  -- Coordination of benefits: 1 pays first.
  position integer NOT NULL DEFAULT 1,
  payer text NOT NULL,
  plan text NOT NULL DEFAULT '',
  member_id text NOT NULL,
  member_code text NOT NULL GENERATED ALWAYS AS (upper(regexp_replace(member_id, '[^0-9A-Za-z]', '', 'g'))) STORED,
  status text NOT NULL DEFAULT 'unchecked' CHECK (status IN ('unchecked', 'active', 'inactive', 'not-found', 'manual')),
  checked_at timestamptz,
  valid_from date,
  valid_until date,
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patient (tenant_id, id)
);
CREATE INDEX coverage_patient ON coverage (patient_id);
CREATE INDEX coverage_member ON coverage (tenant_id, member_code);
SELECT careline_tenant_table('coverage');

-- Upcoming and past visits, for display.
CREATE TABLE appointment (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  patient_id uuid NOT NULL,
  provider_id uuid NOT NULL,
  location_id uuid NOT NULL,
  starts_at timestamptz NOT NULL,
  minutes integer NOT NULL CHECK (minutes > 0),
  visit_type text NOT NULL,
  -- FHIR R4 Appointment.status.
  status text NOT NULL,
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patient (tenant_id, id),
  FOREIGN KEY (tenant_id, provider_id) REFERENCES provider (tenant_id, id),
  FOREIGN KEY (tenant_id, location_id) REFERENCES location (tenant_id, id)
);
CREATE INDEX appointment_patient ON appointment (patient_id, starts_at);
SELECT careline_tenant_table('appointment');

-- Every attempt to verify a caller as (or for) a patient on one contact. It never travels to a new call.
CREATE TABLE verification (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  -- The contact. Calls come in a later migration and may be removed sooner than this evidence: no foreign key.
  call_id uuid NOT NULL,
  patient_id uuid NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('verified', 'incomplete', 'failed', 'locked', 'emergency')),
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 3),
  caller_role text NOT NULL,
  -- Names of the identifiers that agreed and disagreed; never their values.
  agreed text[] NOT NULL DEFAULT '{}',
  disagreed text[] NOT NULL DEFAULT '{}',
  scope text[] NOT NULL DEFAULT '{}',
  grant_id uuid,
  policy text NOT NULL DEFAULT '',
  at timestamptz NOT NULL,
  by_person uuid,
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patient (tenant_id, id),
  FOREIGN KEY (tenant_id, grant_id) REFERENCES proxy_grant (tenant_id, id),
  FOREIGN KEY (tenant_id, by_person) REFERENCES person (tenant_id, id)
);
CREATE INDEX verification_call ON verification (call_id, patient_id, at);
CREATE INDEX verification_failed ON verification (patient_id, at) WHERE outcome = 'failed';
SELECT careline_tenant_table('verification');

-- A supervisor lets verification of a locked patient go on.
CREATE TABLE verification_unlock (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  patient_id uuid NOT NULL,
  reason text NOT NULL,
  at timestamptz NOT NULL,
  by_person uuid,
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patient (tenant_id, id),
  FOREIGN KEY (tenant_id, by_person) REFERENCES person (tenant_id, id)
);
CREATE INDEX verification_unlock_patient ON verification_unlock (patient_id, at);
SELECT careline_tenant_table('verification_unlock');

-- A tenant's own verification policy, effective-dated; without a row the shipped one holds.
CREATE TABLE verification_policy (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  valid_from timestamptz NOT NULL,
  body jsonb NOT NULL,
  citation text NOT NULL,
  made_by uuid,
  FOREIGN KEY (tenant_id, made_by) REFERENCES person (tenant_id, id)
);
SELECT careline_tenant_table('verification_policy');
