-- Voicemails and their transcripts.

-- name: claim_waiting
SELECT r.id, r.call_id, c.language
FROM recording r
JOIN call c ON c.id = r.call_id
WHERE r.kind = 'voicemail' AND r.state = 'ready' AND r.transcript_state = 'waiting'
ORDER BY r.started_at
LIMIT 1
FOR UPDATE OF r SKIP LOCKED

-- name: write_transcript
UPDATE recording
SET transcript_state = %(state)s, transcript = %(transcript)s
WHERE id = %(id)s AND transcript_state = 'waiting'
RETURNING call_id
