-- name: know_code
SELECT 1 FROM wrap_up_code WHERE code = %(code)s AND active

-- What was picked up and put down at once was no conversation.
-- name: list_uncoded
SELECT h.call_id, max(h.left_at) AS left_at, max(q.name) AS queue, l.label AS line, c.reason
FROM call_handling h
JOIN call c ON c.id = h.call_id
JOIN line l ON l.id = c.line_id
LEFT JOIN queue q ON q.id = h.queue_id
WHERE h.person_id = %(person_id)s AND h.wrap_up_code IS NULL AND h.wrapped_up_at IS NOT NULL
  AND h.left_at > %(now)s - interval '7 days' AND h.left_at - h.connected_at >= interval '1 second'
GROUP BY h.call_id, l.label, c.reason
ORDER BY 2 DESC
LIMIT 20

-- name: give_code
UPDATE call_handling SET wrap_up_code = %(code)s
WHERE call_id = %(call_id)s AND person_id = %(person_id)s AND wrap_up_code IS NULL AND wrapped_up_at IS NOT NULL

-- name: list_my_codes
SELECT wrapped_up_at, wrap_up_code FROM call_handling WHERE call_id = %(call_id)s AND person_id = %(person_id)s
