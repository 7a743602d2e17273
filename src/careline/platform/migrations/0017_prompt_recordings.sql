-- Recordings of a practice's own, by name: flows play them. The sound lies beside the prompts; here is what it is.
CREATE TABLE prompt_recording (
  tenant_id integer NOT NULL REFERENCES tenant (id),
  name text NOT NULL,
  language text NOT NULL,
  -- Counted up with every new upload; the last one is played.
  version integer NOT NULL,
  -- What is said, for those who read instead of listening.
  words text NOT NULL,
  seconds real NOT NULL,
  -- Loudness as it was uploaded, in dB below full scale; brought to the house's level when it is stored.
  loudness real NOT NULL,
  sha256 text NOT NULL,
  made_at timestamptz NOT NULL,
  made_by uuid REFERENCES person (id),
  -- Out of use: no longer offered; flows that play it still do.
  retired_at timestamptz,
  PRIMARY KEY (tenant_id, name, language, version)
);
SELECT careline_tenant_table('prompt_recording');
