-- name: list_surges
SELECT s.id, s.queue_id, q.name AS queue, s.began_at, p.name AS began_by, s.until
FROM surge s
LEFT JOIN queue q ON q.id = s.queue_id
LEFT JOIN person p ON p.id = s.began_by
WHERE s.ended_at IS NULL AND (s.until IS NULL OR s.until > %(at)s)
ORDER BY s.began_at, s.id

-- name: know_queue
SELECT 1 FROM queue WHERE id = %(id)s AND active

-- name: lock_switch
SELECT pg_advisory_xact_lock(hashtextextended('surge', current_setting('app.tenant')::int))

-- name: find_surge
SELECT 1 FROM surge
WHERE ended_at IS NULL AND (until IS NULL OR until > %(at)s) AND queue_id IS NOT DISTINCT FROM %(queue_id)s::uuid

-- name: insert_surge
INSERT INTO surge (id, queue_id, began_at, began_by, until)
VALUES (%(id)s, %(queue_id)s, %(at)s, %(by)s, %(until)s)

-- name: known_surge
SELECT id FROM surge WHERE id = %(id)s

-- name: end_surge
UPDATE surge SET ended_at = %(at)s, ended_by = %(by)s WHERE id = %(id)s AND ended_at IS NULL
