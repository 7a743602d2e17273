-- Statements of call control: its configuration, the calls to take over, and the batches it appends.

-- name: list_tenants
SELECT id FROM tenant ORDER BY id;

-- name: list_queues
SELECT q.*, coalesce(array_agg(m.person_id) FILTER (WHERE m.person_id IS NOT NULL), '{}') AS members,
  coalesce(jsonb_object_agg(m.person_id, jsonb_build_array(m.position, m.rank, m.weight, m.reserve))
    FILTER (WHERE (m.position, m.rank, m.weight, m.reserve) <> (0, 0, 1, 0)), '{}') AS places
FROM queue q LEFT JOIN queue_member m ON m.queue_id = q.id
WHERE q.active GROUP BY q.id;

-- name: list_people
SELECT p.id, p.name,
  coalesce((SELECT jsonb_object_agg(s.skill, s.proficiency) FROM person_skill s WHERE s.person_id = p.id), '{}') AS skills,
  coalesce((SELECT array_agg(l.language) FROM person_language l WHERE l.person_id = p.id), '{}') AS languages,
  coalesce(a.level, 0) AS level, a.wrap_up_seconds, coalesce(a.capacity, '{}') AS capacity,
  coalesce(a.interrupts, '{}') AS interrupts
FROM person p LEFT JOIN agent_setting a ON a.person_id = p.id
WHERE p.deactivated_at IS NULL
  AND (EXISTS (SELECT FROM queue_member m WHERE m.person_id = p.id)
    OR EXISTS (SELECT FROM person_role r WHERE r.person_id = p.id AND r.role IN ('agent', 'supervisor')));

-- name: list_agent_states
SELECT * FROM agent_state;

-- name: list_codes
SELECT code FROM wrap_up_code WHERE active;

-- name: list_desk_phones
SELECT person_id, username, password FROM desk_phone WHERE revoked_at IS NULL;

-- name: measure_handling
SELECT queue_id, avg(extract(epoch FROM coalesce(wrapped_up_at, left_at) - connected_at))::float8 AS seconds
FROM call_handling
WHERE left_at IS NOT NULL AND connected_at > %(since)s AND queue_id IS NOT NULL AND NOT machine
GROUP BY queue_id HAVING count(*) >= 10;

-- name: list_open_call_events
SELECT e.stream_id, e.kind, e.at, e.body, e.person_id FROM event e
WHERE e.stream = 'call' AND e.stream_id IN (
  SELECT id FROM call WHERE ended_at IS NULL
  UNION SELECT call_id FROM agent_state WHERE status = 'wrap_up' AND call_id IS NOT NULL)
ORDER BY e.stream_id, e.id;

-- Who was offered a call of each queue last: where round robin goes on.
-- name: list_last_offered
SELECT DISTINCT ON (body ->> 'queue_id') (body ->> 'queue_id')::uuid AS queue_id, (body ->> 'agent_id')::uuid AS agent_id
FROM event WHERE stream = 'call' AND kind = 'offered' AND at > %(since)s AND body ->> 'queue_id' IS NOT NULL
ORDER BY body ->> 'queue_id', id DESC;

-- What was said last of each queue whose callers leave when nobody staffs it.
-- name: list_staffing
SELECT DISTINCT ON (body ->> 'queue_id') (body ->> 'queue_id')::uuid AS queue_id, kind, at
FROM event WHERE stream = 'floor' AND kind IN ('queue_emptied', 'queue_staffed') AND at > %(since)s
ORDER BY body ->> 'queue_id', id DESC;

-- name: find_last_agent
SELECT h.person_id, h.left_at FROM call c JOIN call_handling h ON h.call_id = c.id
WHERE c.caller = %(caller)s AND c.arrived_at > %(since)s AND c.id <> %(call_id)s AND h.left_at IS NOT NULL
  AND NOT h.machine
ORDER BY c.arrived_at DESC, h.connected_at DESC LIMIT 1;

-- name: append_events
INSERT INTO event (tenant_id, at, stream, stream_id, kind, body, person_id)
SELECT current_setting('app.tenant')::int, r.at, r.stream, r.stream_id, r.kind, r.body, r.person_id
FROM jsonb_to_recordset(%(rows)s)
  AS r (n int, at timestamptz, stream text, stream_id uuid, kind text, body jsonb, person_id uuid)
ORDER BY r.n;

-- name: save_calls
INSERT INTO call AS c (id, line_id, source, dialled, caller, caller_name, language, phase, reason, queue_id, queued_at,
  place_at, priority, offered_to, ringing, agent_id, held, muted, emergency, transfer, arrived_at, answered_at, connected_at,
  ended_at, ended_by, outcome, channel, callback, merged_into, emergency_how, consent, noted)
SELECT id, line_id, source, dialled, caller, caller_name, language, phase, reason, queue_id, queued_at,
  place_at, priority, offered_to, ringing, agent_id, held, muted, emergency, transfer, arrived_at, answered_at, connected_at,
  ended_at, ended_by, outcome, channel, callback, merged_into, emergency_how, consent, noted
FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, line_id uuid, source text, dialled text, caller text,
  caller_name text, language text, phase text, reason text, queue_id uuid, queued_at timestamptz, place_at timestamptz,
  priority int, offered_to uuid, ringing uuid[], agent_id uuid, held boolean, muted boolean, emergency boolean, transfer jsonb,
  arrived_at timestamptz, answered_at timestamptz, connected_at timestamptz, ended_at timestamptz, ended_by text,
  outcome text, channel text, callback jsonb, merged_into uuid, emergency_how text, consent boolean, noted jsonb)
ON CONFLICT (id) DO UPDATE SET language = excluded.language, phase = excluded.phase, reason = excluded.reason,
  queue_id = excluded.queue_id, queued_at = excluded.queued_at, place_at = excluded.place_at,
  priority = excluded.priority, offered_to = excluded.offered_to,
  ringing = excluded.ringing, agent_id = excluded.agent_id, held = excluded.held,
  muted = excluded.muted, emergency = excluded.emergency, emergency_how = excluded.emergency_how,
  consent = excluded.consent, noted = excluded.noted, transfer = excluded.transfer,
  answered_at = excluded.answered_at, connected_at = excluded.connected_at, ended_at = excluded.ended_at,
  ended_by = excluded.ended_by, outcome = excluded.outcome, channel = excluded.channel, callback = excluded.callback,
  merged_into = excluded.merged_into, updated_at = clock_timestamp();

-- name: save_agents
INSERT INTO agent_state (person_id, status, since, reason, endpoint, phone_online, idle_since, call_id, misses,
  wrap_up_until, wrap_up_forced, wanted, wanted_reason, calls_taken, talk_seconds, last_inbound_end, last_outbound_end)
SELECT person_id, status, since, reason, endpoint, phone_online, idle_since, call_id, misses, wrap_up_until,
  wrap_up_forced, wanted, wanted_reason, calls_taken, talk_seconds, last_inbound_end, last_outbound_end
FROM jsonb_to_recordset(%(rows)s) AS r (person_id uuid, status text, since timestamptz, reason text, endpoint text,
  phone_online boolean, idle_since timestamptz, call_id uuid, misses int, wrap_up_until timestamptz,
  wrap_up_forced boolean, wanted text, wanted_reason text, calls_taken int, talk_seconds float8,
  last_inbound_end timestamptz, last_outbound_end timestamptz)
ON CONFLICT (person_id) DO UPDATE SET status = excluded.status, since = excluded.since, reason = excluded.reason,
  endpoint = excluded.endpoint, phone_online = excluded.phone_online, idle_since = excluded.idle_since,
  call_id = excluded.call_id, misses = excluded.misses, wrap_up_until = excluded.wrap_up_until,
  wrap_up_forced = excluded.wrap_up_forced,
  wanted = excluded.wanted, wanted_reason = excluded.wanted_reason, calls_taken = excluded.calls_taken,
  talk_seconds = excluded.talk_seconds, last_inbound_end = excluded.last_inbound_end,
  last_outbound_end = excluded.last_outbound_end, updated_at = clock_timestamp();

-- name: open_handlings
INSERT INTO call_handling (id, call_id, person_id, queue_id, connected_at)
SELECT r.id, r.call_id, r.person_id, r.queue_id, r.at
FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, call_id uuid, person_id uuid, queue_id uuid, at timestamptz)
ON CONFLICT (id) DO NOTHING;

-- name: close_handlings
UPDATE call_handling h SET left_at = r.at, wrapped_up_at = r.done, machine = r.machine
FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, at timestamptz, done timestamptz, machine boolean) WHERE h.id = r.id;

-- name: wrap_up_handlings
UPDATE call_handling h SET wrapped_up_at = r.at, wrap_up_code = r.code
FROM jsonb_to_recordset(%(rows)s) AS r (call_id uuid, person_id uuid, at timestamptz, code text)
WHERE h.call_id = r.call_id AND h.person_id = r.person_id AND h.wrapped_up_at IS NULL AND h.connected_at <= r.at;

-- name: get_order
SELECT * FROM control_command WHERE id = %(id)s;

-- name: list_given_orders
SELECT id FROM control_command WHERE state = 'given' ORDER BY given_at;

-- name: give_order
INSERT INTO control_command (id, person_id, kind, body, key)
VALUES (%(id)s, %(person_id)s, %(kind)s, %(body)s, %(key)s)
ON CONFLICT (tenant_id, key) DO NOTHING
RETURNING id;

-- name: find_order
SELECT id, person_id, kind, body, state, result FROM control_command WHERE key = %(key)s;

-- name: read_result
SELECT state, result FROM control_command WHERE id = %(id)s;

-- name: finish_order
UPDATE control_command SET state = %(state)s, result = %(result)s, done_at = clock_timestamp() WHERE id = %(id)s;

-- name: report_component
INSERT INTO component_state (name, state, detail, since, seen_at)
VALUES (%(name)s, %(state)s, %(detail)s, %(now)s, %(now)s)
ON CONFLICT (name) DO UPDATE SET detail = excluded.detail, seen_at = excluded.seen_at, state = excluded.state,
  since = CASE WHEN component_state.state = excluded.state THEN component_state.since ELSE excluded.since END;

-- name: list_surging
SELECT queue_id FROM surge
WHERE ended_at IS NULL AND began_at <= %(at)s AND (until IS NULL OR until > %(at)s);
