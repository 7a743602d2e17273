-- name: list_endpoints
SELECT id, name, kind, base_url, header, secret IS NOT NULL AS has_secret, max_seconds
FROM lookup_endpoint WHERE retired_at IS NULL ORDER BY name

-- name: read_endpoint
SELECT id, name, kind, base_url, header, secret IS NOT NULL AS has_secret, max_seconds, secret
FROM lookup_endpoint WHERE name = %(name)s AND retired_at IS NULL

-- name: insert_endpoint
INSERT INTO lookup_endpoint (id, name, kind, base_url, header, secret, max_seconds)
VALUES (%(id)s, %(name)s, %(kind)s, %(base_url)s, %(header)s, %(secret)s, %(max_seconds)s)

-- name: update_endpoint
UPDATE lookup_endpoint
SET base_url = %(base_url)s, header = %(header)s, max_seconds = %(max_seconds)s, secret = %(secret)s
WHERE id = %(id)s AND retired_at IS NULL

-- name: retire_endpoint
UPDATE lookup_endpoint SET retired_at = %(now)s, secret = NULL WHERE id = %(id)s AND retired_at IS NULL

-- name: lock_endpoint
SELECT secret FROM lookup_endpoint WHERE id = %(id)s AND retired_at IS NULL FOR UPDATE
