-- People

-- name: find_tenant_of
SELECT tenant_id, person_id FROM careline_find_person(%(email)s)

-- name: insert_person
INSERT INTO person (id, email, name, language, password_hash, password_changed_at, password_must_change, created_at)
VALUES (%(id)s, %(email)s, %(name)s, %(language)s, %(password_hash)s, %(now)s, %(must_change)s, %(now)s)

-- name: list_people
SELECT p.id, p.email, p.name, p.language, p.created_at, p.deactivated_at,
       p.totp_confirmed_at IS NOT NULL AS totp, p.password_must_change,
       coalesce(array_agg(r.role ORDER BY r.role) FILTER (WHERE r.role IS NOT NULL), '{}') AS roles,
       (SELECT max(s.active_at) FROM session s WHERE s.person_id = p.id) AS last_seen
FROM person p LEFT JOIN person_role r ON r.person_id = p.id
WHERE %(id)s::uuid IS NULL OR p.id = %(id)s
GROUP BY p.id
ORDER BY p.deactivated_at IS NOT NULL, lower(p.name), p.id

-- name: read_credentials
SELECT p.id, p.email, p.name, p.language, p.password_hash, p.password_must_change, p.totp_secret,
       p.totp_confirmed_at, p.totp_last_step, p.deactivated_at,
       coalesce(array_agg(r.role) FILTER (WHERE r.role IS NOT NULL), '{}') AS roles
FROM person p LEFT JOIN person_role r ON r.person_id = p.id
WHERE p.id = %(id)s
GROUP BY p.id

-- name: update_password
UPDATE person
SET password_hash = %(password_hash)s, password_changed_at = %(now)s, password_must_change = %(must_change)s
WHERE id = %(id)s

-- name: replace_hash
UPDATE person SET password_hash = %(new)s WHERE id = %(id)s AND password_hash = %(old)s

-- name: update_person
UPDATE person SET name = %(name)s, language = %(language)s WHERE id = %(id)s

-- name: set_totp
UPDATE person
SET totp_secret = %(secret)s, totp_confirmed_at = %(confirmed_at)s, totp_last_step = %(step)s
WHERE id = %(id)s

-- name: take_totp_step
UPDATE person SET totp_last_step = %(step)s
WHERE id = %(id)s AND (totp_last_step IS NULL OR totp_last_step < %(step)s)

-- name: deactivate_person
UPDATE person SET deactivated_at = %(now)s WHERE id = %(id)s AND deactivated_at IS NULL

-- name: reactivate_person
UPDATE person SET deactivated_at = NULL WHERE id = %(id)s AND deactivated_at IS NOT NULL

-- name: count_other_administrators
SELECT count(*) AS n FROM person p JOIN person_role r ON r.person_id = p.id
WHERE r.role = 'administrator' AND p.deactivated_at IS NULL AND p.id <> %(id)s

-- name: lock_administrators
SELECT p.id FROM person p JOIN person_role r ON r.person_id = p.id
WHERE r.role = 'administrator' ORDER BY p.id FOR UPDATE OF p

-- name: use_recovery_code
UPDATE recovery_code SET used_at = %(now)s
WHERE person_id = %(id)s AND code_hash = %(code_hash)s AND used_at IS NULL

-- name: insert_recovery_code
INSERT INTO recovery_code (person_id, code_hash) VALUES (%(id)s, %(code_hash)s)

-- name: count_recovery_codes
SELECT count(*) AS n FROM recovery_code WHERE person_id = %(id)s AND used_at IS NULL

-- Throttle

-- name: read_throttle
SELECT max(blocked_until) AS blocked_until FROM sign_in_throttle WHERE key = ANY(%(keys)s)

-- name: count_failure
INSERT INTO sign_in_throttle AS t (key, failures, first_at, last_at)
VALUES (%(key)s, 1, %(now)s, %(now)s)
ON CONFLICT (key) DO UPDATE SET
  failures = CASE WHEN t.last_at < %(stale)s THEN 1 ELSE t.failures + 1 END,
  first_at = CASE WHEN t.last_at < %(stale)s THEN %(now)s ELSE t.first_at END,
  last_at = %(now)s
RETURNING failures

-- name: block_key
UPDATE sign_in_throttle SET blocked_until = %(until)s WHERE key = %(key)s

-- name: clear_throttle
DELETE FROM sign_in_throttle WHERE key = ANY(%(keys)s)

-- name: sweep_throttle
DELETE FROM sign_in_throttle WHERE last_at < %(stale)s AND coalesce(blocked_until, last_at) < %(stale)s

-- Sessions

-- name: insert_session
INSERT INTO session (id, person_id, token_hash, stage, created_at, active_at, expires_at, ip, user_agent)
VALUES (%(id)s, %(person_id)s, %(token_hash)s, %(stage)s, %(now)s, %(now)s, %(expires_at)s, %(ip)s, %(user_agent)s)

-- name: read_session
SELECT s.id, s.person_id, s.stage, s.created_at, s.active_at, s.locked_at, s.expires_at, s.revoked_at, s.ip,
       p.name, p.email, p.language, p.deactivated_at, p.totp_confirmed_at IS NOT NULL AS totp, t.zone,
       coalesce((SELECT array_agg(r.role) FROM person_role r WHERE r.person_id = p.id), '{}') AS roles
FROM session s JOIN person p ON p.id = s.person_id JOIN tenant t ON t.id = s.tenant_id
WHERE s.token_hash = %(token_hash)s

-- name: session_alive
SELECT s.id FROM session s JOIN person p ON p.id = s.person_id
WHERE s.id = %(id)s AND s.revoked_at IS NULL AND s.expires_at > %(now)s AND p.deactivated_at IS NULL

-- name: list_sessions
SELECT id, created_at, active_at, locked_at, expires_at, ip, user_agent
FROM session
WHERE person_id = %(person_id)s AND revoked_at IS NULL AND expires_at > %(now)s AND stage = 'full'
ORDER BY active_at DESC

-- name: touch_session
UPDATE session SET active_at = %(now)s WHERE id = %(id)s AND active_at < %(now)s

-- name: lock_session
UPDATE session SET locked_at = %(now)s WHERE id = %(id)s AND locked_at IS NULL AND revoked_at IS NULL

-- name: unlock_session
UPDATE session SET locked_at = NULL, active_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL

-- name: advance_session
UPDATE session
SET stage = %(stage)s, token_hash = %(token_hash)s, active_at = %(now)s, expires_at = %(expires_at)s
WHERE id = %(id)s AND revoked_at IS NULL

-- name: revoke_sessions
UPDATE session SET revoked_at = %(now)s, revoked_why = %(why)s
WHERE person_id = %(person_id)s AND revoked_at IS NULL
  AND (%(only)s::uuid IS NULL OR id = %(only)s) AND (%(keep)s::uuid IS NULL OR id <> %(keep)s)
RETURNING id

-- Tokens

-- name: insert_token
INSERT INTO api_token (id, person_id, name, token_hash, hint, scopes, created_at, created_by, expires_at)
VALUES (%(id)s, %(person_id)s, %(name)s, %(token_hash)s, %(hint)s, %(scopes)s, %(now)s, %(created_by)s,
        %(expires_at)s)

-- name: list_tokens
SELECT t.id, t.name, t.hint, t.scopes, t.created_at, t.expires_at, t.used_at, t.revoked_at, t.person_id,
       p.name AS person_name
FROM api_token t JOIN person p ON p.id = t.person_id
ORDER BY t.revoked_at IS NOT NULL, t.created_at DESC

-- name: read_token
SELECT t.id, t.person_id, t.name, t.scopes, t.expires_at, t.used_at, t.revoked_at, p.name AS person_name,
       p.deactivated_at,
       coalesce((SELECT array_agg(r.role) FROM person_role r WHERE r.person_id = p.id), '{}') AS roles
FROM api_token t JOIN person p ON p.id = t.person_id
WHERE t.token_hash = %(token_hash)s

-- name: touch_token
UPDATE api_token SET used_at = %(now)s WHERE id = %(id)s

-- name: revoke_token
UPDATE api_token SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL

-- name: revoke_tokens_of
UPDATE api_token SET revoked_at = %(now)s WHERE person_id = %(person_id)s AND revoked_at IS NULL

-- Tenant keys

-- name: read_tenant_keys
SELECT version, master, wrapped FROM tenant_key ORDER BY version DESC

-- name: insert_tenant_key
INSERT INTO tenant_key (version, master, wrapped) VALUES (%(version)s, %(master)s, %(wrapped)s)
ON CONFLICT DO NOTHING

-- name: rewrap_tenant_key
UPDATE tenant_key SET master = %(master)s, wrapped = %(wrapped)s WHERE version = %(version)s

-- Idempotency keys

-- name: claim_idempotency_key
INSERT INTO idempotency_key (owner, key, request_hash, created_at)
VALUES (%(owner)s, %(key)s, %(request_hash)s, %(now)s)
ON CONFLICT (tenant_id, owner, key) DO UPDATE
SET request_hash = EXCLUDED.request_hash, status = NULL, content_type = NULL, body = NULL,
    created_at = EXCLUDED.created_at
WHERE idempotency_key.created_at < %(stale)s

-- name: read_idempotency_key
SELECT request_hash, status, content_type, body FROM idempotency_key WHERE owner = %(owner)s AND key = %(key)s

-- name: finish_idempotency_key
UPDATE idempotency_key SET status = %(status)s, content_type = %(content_type)s, body = %(body)s
WHERE owner = %(owner)s AND key = %(key)s

-- name: release_idempotency_key
DELETE FROM idempotency_key WHERE owner = %(owner)s AND key = %(key)s AND status IS NULL

-- name: sweep_idempotency_keys
DELETE FROM idempotency_key WHERE created_at < %(stale)s

-- The audit log

-- name: append_audit
INSERT INTO audit_log (actor_kind, person_id, actor_name, session_id, ip, action, object_type, object_id, patient_id,
                       contact_id, fields, purpose, outcome, detail)
VALUES (%(actor_kind)s, %(person_id)s, %(actor_name)s, %(session_id)s, %(ip)s, %(action)s, %(object_type)s,
        %(object_id)s, %(patient_id)s, %(contact_id)s, %(fields)s::text[], %(purpose)s, %(outcome)s, %(detail)s)

-- name: search_audit
SELECT seq, at, actor_kind, person_id, actor_name, ip, action, object_type, object_id, patient_id, contact_id, fields,
       purpose, outcome, detail
FROM audit_log
WHERE (%(patient_id)s::uuid IS NULL OR patient_id = %(patient_id)s)
  AND (%(person_id)s::uuid IS NULL OR person_id = %(person_id)s)
  AND (%(contact_id)s::uuid IS NULL OR contact_id = %(contact_id)s)
  AND (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
  AND (%(before)s::bigint IS NULL OR seq < %(before)s)
ORDER BY seq DESC
LIMIT %(limit)s

-- The first row that does not follow from the row before it, or whose content does not give its hash; with it the
-- size of the chain and what the head row says. `reason` is NULL when the chain is whole.
-- name: verify_audit
WITH chain AS (
  SELECT a.seq, a.prev, a.hash, careline_audit_hash(a) AS computed,
         lag(a.seq, 1, 0::bigint) OVER w AS before_seq, lag(a.hash, 1, '\x'::bytea) OVER w AS before_hash
  FROM audit_log a
  WINDOW w AS (ORDER BY a.seq)
), bad AS (
  SELECT seq,
         CASE WHEN seq <> before_seq + 1 THEN 'rows before it are missing'
              WHEN prev <> before_hash THEN 'it does not follow from the row before it'
              ELSE 'its content was changed' END AS reason
  FROM chain
  WHERE seq <> before_seq + 1 OR prev <> before_hash OR hash <> computed
  ORDER BY seq LIMIT 1
), size AS (
  SELECT count(*) AS rows, coalesce(max(seq), 0) AS last_seq FROM audit_log
)
SELECT size.rows, size.last_seq, (SELECT a.hash FROM audit_log a WHERE a.seq = size.last_seq) AS last_hash,
       coalesce(h.seq, 0) AS head_seq, coalesce(h.hash, '\x') AS head_hash, bad.seq AS bad_seq, bad.reason
FROM size LEFT JOIN bad ON true LEFT JOIN audit_head h ON true

-- name: hashes_at
SELECT seq, hash FROM audit_log WHERE seq = ANY(%(seqs)s::bigint[])

-- name: read_head
SELECT seq, hash FROM audit_head

-- `canonical` is what is hashed after `prev` (see careline_audit_hash): with it anybody can check the chain.
-- name: export_audit
SELECT jsonb_build_array(
         tenant_id, seq, (extract(epoch FROM at) * 1000000)::bigint, actor_kind, person_id, actor_name, session_id, ip,
         action, object_type, object_id, patient_id, contact_id, to_jsonb(fields), purpose, outcome, detail
       )::text AS canonical,
       seq, at, actor_kind, person_id, actor_name, session_id, ip, action, object_type, object_id, patient_id,
       contact_id, fields, purpose, outcome, detail, encode(prev, 'hex') AS prev, encode(hash, 'hex') AS hash
FROM audit_log
WHERE seq > %(after)s
ORDER BY seq
LIMIT 1000

-- First run

-- name: any_tenant
SELECT id FROM tenant LIMIT 1

-- name: all_tenants
SELECT id, slug, name FROM tenant ORDER BY id

-- name: insert_tenant
INSERT INTO tenant (slug, name, kind, zone) VALUES (%(slug)s, %(name)s, %(kind)s, %(zone)s) RETURNING id
