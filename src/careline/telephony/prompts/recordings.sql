-- name: list_recordings
SELECT DISTINCT ON (r.name, r.language) r.name, r.language, r.version, r.words, r.seconds, r.loudness, r.made_at,
       p.name AS made_by
FROM prompt_recording r
LEFT JOIN person p ON p.id = r.made_by
WHERE r.retired_at IS NULL
ORDER BY r.name, r.language, r.version DESC

-- name: lock_recording
SELECT pg_advisory_xact_lock(hashtextextended('recording ' || %(key)s, current_setting('app.tenant')::int))

-- name: last_version
SELECT max(version) AS version FROM prompt_recording WHERE name = %(name)s AND language = %(language)s

-- name: insert_recording
INSERT INTO prompt_recording (name, language, version, words, seconds, loudness, sha256, made_at, made_by)
VALUES (%(name)s, %(language)s, %(version)s, %(words)s, %(seconds)s, %(loudness)s, %(sha256)s, %(at)s, %(by)s)

-- name: retire_recording
UPDATE prompt_recording SET retired_at = %(at)s
WHERE name = %(name)s AND language = %(language)s AND retired_at IS NULL
