-- The board: everything live comes from the projections, everything of today from the event rows.

-- name: read_tenant
SELECT name, zone FROM tenant WHERE id = current_setting('app.tenant')::int

-- name: list_board_queues
SELECT q.id, q.name, q.service_level_seconds, q.service_level_target,
       count(c.id) AS waiting, min(c.place_at) AS longest_since,
       count(c.id) FILTER (WHERE c.emergency) AS emergencies,
       (SELECT count(*) FROM call b WHERE b.queue_id = q.id AND b.phase = 'callback' AND b.ended_at IS NULL) AS callbacks,
       w.seconds AS expected_wait
FROM queue q
LEFT JOIN expected_wait w ON w.queue_id = q.id
LEFT JOIN call c ON c.queue_id = q.id AND c.phase = 'waiting' AND c.ended_at IS NULL
WHERE q.active
GROUP BY q.id, w.queue_id
ORDER BY lower(q.name)

-- One row a queue and status: how many of its members are in it.
-- name: count_agents_by_queue
SELECT m.queue_id, s.status, s.phone_online, count(*) AS n
FROM queue_member m
JOIN agent_state s ON s.person_id = m.person_id
JOIN person p ON p.id = m.person_id AND p.deactivated_at IS NULL
WHERE s.status <> 'offline'
GROUP BY m.queue_id, s.status, s.phone_online

-- Calls in the house. The caller's number is not here: the board hangs on a wall.
-- name: list_open_calls
SELECT c.id, c.phase, c.source, c.language, c.reason, c.emergency, c.emergency_how, c.priority, c.held,
       c.queue_id, q.name AS queue, l.label AS line, c.arrived_at, c.place_at, c.connected_at,
       p.name AS agent, o.name AS offered_to, c.transfer ->> 'state' AS transfer,
       CASE WHEN c.phase = 'waiting' THEN (w.calls ->> c.id::text)::double precision END AS expected_wait
FROM call c
JOIN line l ON l.id = c.line_id
LEFT JOIN queue q ON q.id = c.queue_id
LEFT JOIN person p ON p.id = c.agent_id
LEFT JOIN person o ON o.id = c.offered_to
LEFT JOIN expected_wait w ON w.queue_id = c.queue_id
WHERE c.ended_at IS NULL
ORDER BY c.phase = 'waiting' DESC, c.priority DESC, coalesce(c.place_at, c.arrived_at), c.id
LIMIT 300

-- name: list_agents
SELECT p.id, p.name, s.status, s.since, s.reason, s.phone_online, s.misses, s.call_id, q.name AS queue,
       coalesce((SELECT array_agg(n.name ORDER BY n.name) FROM queue_member m JOIN queue n ON n.id = m.queue_id
                 WHERE m.person_id = p.id AND n.active), '{}') AS queues,
       coalesce((SELECT array_agg(x.language ORDER BY x.language) FROM person_language x WHERE x.person_id = p.id),
                '{}') AS languages,
       (SELECT count(*) FROM call_handling h
        WHERE h.person_id = p.id AND h.wrap_up_code IS NULL AND h.wrapped_up_at IS NOT NULL AND h.left_at >= %(today)s
          AND h.left_at - h.connected_at >= interval '1 second') AS uncoded
FROM agent_state s
JOIN person p ON p.id = s.person_id AND p.deactivated_at IS NULL
LEFT JOIN call c ON c.id = s.call_id
LEFT JOIN queue q ON q.id = c.queue_id
WHERE s.status <> 'offline' OR s.since >= %(today)s
ORDER BY s.status = 'offline', lower(p.name)

-- What became of each entry into a queue within a day, whenever that was decided: by the next of these events of the
-- same call. An entry right after `requeued`, or of a callback whose place was kept, only continues the one
-- before and is not counted again. The rules are those of reporting/attribution.py, and docs/metrics.md lists them.
-- name: count_entries
WITH entered AS (
  SELECT DISTINCT e.stream_id FROM event e
  WHERE e.stream = 'call' AND e.kind = 'queued' AND e.at >= %(today)s AND e.at < %(until)s
), step AS (
  SELECT e.kind, e.at,
         CASE WHEN e.kind = 'queued' THEN (e.body ->> 'queue_id')::uuid END AS queue_id,
         lag(e.kind) OVER w AS before_kind,
         lead(e.kind) OVER w AS next_kind,
         lead(e.at) OVER w AS next_at,
         lead(e.body ->> 'by') OVER w AS next_by
  FROM entered n JOIN event e ON e.stream = 'call' AND e.stream_id = n.stream_id
  WHERE e.kind IN ('queued', 'requeued', 'connected', 'transferred', 'voicemail_started', 'flow_moved',
                   'callback_arranged', 'ending', 'ended')
  WINDOW w AS (PARTITION BY e.stream_id ORDER BY e.id)
), entry AS (
  SELECT s.queue_id, s.at, s.next_kind, s.next_by, extract(epoch FROM s.next_at - s.at)::float8 AS waited,
         q.service_level_seconds AS threshold
  FROM step s JOIN queue q ON q.id = s.queue_id
  WHERE s.kind = 'queued' AND s.at >= %(today)s AND s.at < %(until)s
    AND coalesce(s.before_kind, '') NOT IN ('requeued', 'callback_arranged')
)
SELECT queue_id,
       count(*) AS presented,
       count(*) FILTER (WHERE next_kind = 'connected') AS answered,
       count(*) FILTER (WHERE next_kind = 'connected' AND waited <= threshold) AS answered_in_t,
       count(*) FILTER (WHERE next_kind = 'ended' AND next_by = 'caller') AS abandoned,
       count(*) FILTER (WHERE next_kind = 'ended' AND next_by = 'caller' AND waited <= threshold) AS abandoned_in_t,
       count(*) FILTER (WHERE next_kind = 'ended' AND next_by = 'caller' AND waited <= %(short)s) AS short_abandoned,
       count(*) FILTER (WHERE next_kind IN ('voicemail_started', 'ending', 'queued', 'transferred', 'flow_moved',
                                            'callback_arranged')
                           OR (next_kind = 'ended' AND next_by IS DISTINCT FROM 'caller')) AS flow_out,
       coalesce(sum(waited) FILTER (WHERE next_kind = 'connected'), 0)::float8 AS answered_wait_seconds,
       coalesce(max(waited), 0)::float8 AS longest_wait_seconds
FROM entry
GROUP BY queue_id

-- name: count_entries_by_hour
WITH step AS (
  SELECT e.kind, e.at, e.body, lag(e.kind) OVER (PARTITION BY e.stream_id ORDER BY e.id) AS before_kind
  FROM event e
  WHERE e.stream = 'call' AND e.kind IN ('queued', 'requeued', 'callback_arranged')
    AND e.at >= %(today)s AND e.at < %(until)s
)
SELECT (body ->> 'queue_id')::uuid AS queue_id, extract(hour FROM at AT TIME ZONE %(zone)s)::int AS hour,
       count(*) AS presented
FROM step
WHERE kind = 'queued' AND coalesce(before_kind, '') NOT IN ('requeued', 'callback_arranged')
GROUP BY 1, 2

-- An answering machine that an agent met is no handling of a caller.
-- name: sum_handlings
SELECT queue_id, count(*) AS handled,
       coalesce(sum(extract(epoch FROM coalesce(wrapped_up_at, left_at) - connected_at)), 0)::float8 AS seconds
FROM call_handling
WHERE left_at >= %(today)s AND left_at < %(until)s AND NOT machine
GROUP BY queue_id

-- name: count_handlings_of_people
SELECT person_id, count(*) AS handled FROM call_handling
WHERE connected_at >= %(today)s AND connected_at < %(until)s AND NOT machine
GROUP BY person_id

-- name: count_calls
SELECT count(*) AS arrived, count(*) FILTER (WHERE ended_at IS NULL) AS open,
       count(*) FILTER (WHERE outcome = 'voicemail') AS voicemails,
       count(*) FILTER (WHERE outcome = 'closed') AS closed,
       count(*) FILTER (WHERE emergency) AS emergencies
FROM call
WHERE arrived_at >= %(today)s AND arrived_at < %(until)s

-- name: list_components
SELECT name, state, detail, since, seen_at FROM component_state ORDER BY name

-- What waiting callers were told, and how long it then took; only of those who were connected, in the queue of the wait.
-- Rows of before have no `low`: they told "up to".
-- name: list_announced
WITH step AS (
  SELECT e.stream_id, e.id, e.kind, e.at, e.body,
         min(e.at) FILTER (WHERE e.kind IN ('connected', 'queued', 'callback_arranged', 'voicemail_started', 'ended'))
           OVER w AS next_at,
         (array_agg(e.kind) FILTER (WHERE e.kind IN ('connected', 'queued', 'callback_arranged', 'voicemail_started',
           'ended')) OVER w)[1] AS next_kind,
         max(e.id) FILTER (WHERE e.kind = 'queued') OVER (PARTITION BY e.stream_id ORDER BY e.id) AS entry
  FROM event e
  WHERE e.stream = 'call' AND e.at >= %(today)s AND e.at < %(until)s
    AND e.kind IN ('announced', 'connected', 'queued', 'callback_arranged', 'voicemail_started', 'ended')
  WINDOW w AS (PARTITION BY e.stream_id ORDER BY e.id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
)
SELECT (q.body ->> 'queue_id')::uuid AS queue_id, (s.body ->> 'minutes')::int AS high,
       CASE WHEN (s.body ->> 'more')::boolean THEN NULL ELSE coalesce((s.body ->> 'low')::int, 0) END AS low,
       extract(epoch FROM s.next_at - s.at)::float8 AS waited, coalesce((s.body ->> 'longer')::boolean, false) AS longer
FROM step s JOIN event q ON q.id = s.entry
WHERE s.kind = 'announced' AND s.next_kind = 'connected' AND s.body ->> 'minutes' IS NOT NULL
