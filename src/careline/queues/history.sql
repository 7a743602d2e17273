-- name: list_changes
SELECT e.at, e.kind, e.body, p.name AS by
FROM event e
LEFT JOIN person p ON p.id = e.person_id
WHERE e.stream = 'queue' AND e.stream_id = %(id)s
ORDER BY e.id DESC
LIMIT 100
