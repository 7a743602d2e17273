-- Emergencies that need somebody's eyes.

-- name: raise_alarm
INSERT INTO emergency_alarm (call_id, why, raised_at) VALUES (%(call_id)s, %(why)s, %(now)s)
ON CONFLICT (tenant_id, call_id, why) DO NOTHING
RETURNING why

-- name: list_alarms
SELECT a.call_id, array_agg(a.why ORDER BY a.raised_at) AS why, min(a.raised_at) AS raised_at, c.phase,
       l.label AS line
FROM emergency_alarm a
JOIN call c ON c.id = a.call_id
JOIN line l ON l.id = c.line_id
WHERE a.acknowledged_at IS NULL
GROUP BY a.call_id, c.phase, l.label
ORDER BY min(a.raised_at)
LIMIT 50

-- name: acknowledge_alarm
UPDATE emergency_alarm SET acknowledged_at = %(now)s, acknowledged_by = %(by)s
WHERE call_id = %(call_id)s AND acknowledged_at IS NULL
RETURNING why
