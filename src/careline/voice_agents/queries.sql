-- name: list_agents
SELECT id, name, url, secret IS NOT NULL AS has_secret, baa_signed, enabled
FROM voice_agent WHERE retired_at IS NULL ORDER BY name

-- name: read_agent
SELECT id, name, url, secret IS NOT NULL AS has_secret, baa_signed, enabled, secret
FROM voice_agent WHERE (name = %(name)s OR id = %(id)s::uuid) AND retired_at IS NULL

-- name: switch_agent
UPDATE voice_agent SET enabled = %(enabled)s WHERE id = %(id)s AND retired_at IS NULL RETURNING id

-- name: list_hosts
SELECT host FROM voice_agent_host ORDER BY host

-- name: allow_host
INSERT INTO voice_agent_host (host) VALUES (%(host)s) ON CONFLICT DO NOTHING RETURNING host

-- name: forbid_host
DELETE FROM voice_agent_host WHERE host = %(host)s RETURNING host

-- name: note_failure
INSERT INTO voice_agent_failure (id, agent_id, call_id, at, why)
VALUES (%(id)s, %(agent_id)s, %(call_id)s, %(at)s, %(why)s)

-- Only the last ones are kept: who was called is in the calls themselves.
-- name: forget_failures
DELETE FROM voice_agent_failure f
WHERE f.agent_id = %(agent_id)s AND f.id NOT IN (
  SELECT id FROM voice_agent_failure WHERE agent_id = %(agent_id)s ORDER BY at DESC, id DESC LIMIT 20)

-- name: list_failures
SELECT agent_id, at, why, call_id FROM voice_agent_failure ORDER BY at DESC, id DESC LIMIT 200

-- name: insert_agent
INSERT INTO voice_agent (id, name, url, secret, baa_signed)
VALUES (%(id)s, %(name)s, %(url)s, %(secret)s, %(baa_signed)s)

-- name: retire_agent
UPDATE voice_agent SET retired_at = %(now)s, secret = NULL
WHERE id = %(id)s AND retired_at IS NULL
RETURNING id

-- name: begin_session
INSERT INTO voice_agent_session (ask_id, call_id, token_hash, until)
VALUES (%(ask_id)s, %(call_id)s, %(token_hash)s, %(until)s)
ON CONFLICT (ask_id) DO UPDATE SET token_hash = excluded.token_hash, until = excluded.until, exit = NULL, given = NULL

-- name: decide_session
UPDATE voice_agent_session SET exit = %(exit)s, given = %(given)s
WHERE call_id = %(call_id)s AND token_hash = %(token_hash)s AND until > %(now)s AND exit IS NULL
RETURNING ask_id

-- name: read_session
SELECT exit, given FROM voice_agent_session WHERE ask_id = %(ask_id)s

-- name: end_session
DELETE FROM voice_agent_session WHERE ask_id = %(ask_id)s
