-- Recordings and voicemails of calls. The sound itself lies encrypted in files; the row says what there is.

CREATE TABLE recording (
  id uuid PRIMARY KEY,
  tenant_id integer NOT NULL REFERENCES tenant (id),
  call_id uuid NOT NULL REFERENCES call (id),
  kind text NOT NULL CHECK (kind IN ('call', 'voicemail')),
  state text NOT NULL DEFAULT 'recording' CHECK (state IN ('recording', 'ready', 'failed')),
  started_at timestamptz NOT NULL,
  -- Known once the file is finished.
  seconds real,
  bytes bigint,
  -- Of the encrypted file.
  sha256 text,
  -- Why a recording failed or has a gap: disk-full, no-sound, lost.
  problem text,
  -- Voicemail only: none asked for (null), waiting, done, or why there is none (no-speech-extra, no-speech, failed).
  transcript_state text,
  transcript text,
  CHECK (state <> 'ready' OR (seconds IS NOT NULL AND bytes IS NOT NULL AND sha256 IS NOT NULL))
);
CREATE INDEX recording_call ON recording (call_id);
CREATE INDEX recording_unfinished ON recording (tenant_id) WHERE state = 'recording';
SELECT careline_tenant_table('recording');
