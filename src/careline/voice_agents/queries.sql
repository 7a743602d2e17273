-- name: list_agents
SELECT id, name, url, secret IS NOT NULL AS has_secret, baa_signed
FROM voice_agent WHERE retired_at IS NULL ORDER BY name

-- name: read_agent
SELECT id, name, url, secret IS NOT NULL AS has_secret, baa_signed, secret
FROM voice_agent WHERE name = %(name)s AND retired_at IS NULL

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
